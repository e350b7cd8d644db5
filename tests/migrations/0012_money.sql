INSERT INTO statement (number, client, month, state, drafted_at, send_at) VALUES (1, 'acme', '2026-02-01', 'draft', '2026-03-02T09:00:00+00:00', '2026-03-04T09:00:00+00:00');
INSERT INTO pricing (id, client, month, opened_at, reminded_at) VALUES (1, 'acme', '2026-02-01', '2026-03-02T09:00:00+00:00', '2026-03-02T09:00:00+00:00');
