INSERT INTO address (kind, value, contact, stopped_at) VALUES ('phone', '+13125550100', 1, '2026-03-02T09:00:00+00:00');
