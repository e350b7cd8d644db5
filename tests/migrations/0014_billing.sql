INSERT INTO billing_run (number, period, state, ran_at, content, hash) VALUES (1, '2026-02-01', 'done', '2026-03-05T09:00:00+00:00', '{}', 'ab');
INSERT INTO billing_line (run, line, client, invoice, kind, billed_as, month, ticket, minutes, counted, amount_minor, currency) VALUES (1, 1, 'acme', 'DK-0001-01', 'retainer', 'retainer/2026-02', '2026-02-01', NULL, 0, 0, 240000, 'USD');
