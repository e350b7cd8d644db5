INSERT INTO pending_check (inbound, message, next_at, gives_up_at)
VALUES (1, NULL, '2026-03-02T09:05:00+00:00', '2026-03-02T13:00:00+00:00');
