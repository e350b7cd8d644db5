INSERT INTO conversation (channel, place, ticket, opened_at, last_at, over_at)
VALUES ('monitoring', 'disk/1', 1, '2026-03-02T09:00:00+00:00', '2026-03-02T09:05:00+00:00', '2026-03-02T09:06:00+00:00');
