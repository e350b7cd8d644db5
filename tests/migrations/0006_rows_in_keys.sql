INSERT INTO timer (ticket, kind, fire_at) VALUES (1, 'wake', '2026-03-03T09:00:00+00:00');
