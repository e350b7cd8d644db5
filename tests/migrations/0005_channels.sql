INSERT INTO conversation (channel, place, ticket, opened_at, last_at)
VALUES ('chat', 'guild/1', 1, '2026-03-02T09:00:00+00:00', '2026-03-02T09:05:00+00:00');
INSERT INTO tech_identity (channel, value, tech, linked_at) VALUES ('chat', '4711', 'sam', '2026-03-02T09:00:00+00:00');
