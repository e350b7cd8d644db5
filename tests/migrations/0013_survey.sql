INSERT INTO survey (ticket, token, asked_at, answer, answered_at, changed_at) VALUES (1, 'abcdefghijklmnopqrstuvwxyz', '2026-03-02T09:00:00+00:00', 'good', '2026-03-02T09:05:00+00:00', '2026-03-02T09:05:00+00:00');
INSERT INTO survey_asked (ticket, contact, asked_at) VALUES (1, 1, '2026-03-02T09:00:00+00:00');
