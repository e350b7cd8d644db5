INSERT INTO conversation (channel, place, ticket, opened_at, last_at)
VALUES ('chat', 'guild/1', 1, '2026-03-02T09:00:00+00:00', '2026-03-02T09:05:00+00:00');
INSERT INTO tech_identity (channel, value, tech, linked_at) VALUES ('chat', '4711', 'sam', '2026-03-02T09:00:00+00:00');
INSERT INTO sla_clock (ticket, kind, started_at, due, breached)
VALUES (1, 'resolve', '2026-03-02T09:00:00+00:00', '2026-03-03T09:00:00+00:00', FALSE);
INSERT INTO timer (ticket, kind, fire_at) VALUES (1, 'resolve', '2026-03-03T09:00:00+00:00');
INSERT INTO ticket_participant (ticket, contact) VALUES (1, 1);
INSERT INTO reply_token (token, ticket, tech, purpose, created_at) VALUES ('t0ken', 1, 'sam', 'public', '2026-03-02T09:00:00+00:00');
