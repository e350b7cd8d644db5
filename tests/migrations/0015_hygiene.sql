INSERT INTO leak (kind, ticket, found_at) VALUES ('no_time', 1, '2026-03-06T22:00:00+00:00');
