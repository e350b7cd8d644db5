INSERT INTO link_code (channel, author, address, code, created_at) VALUES ('slack', 'U1', 'jane@acme-dental.example', 'abcd2345', '2026-03-02T09:00:00+00:00');
UPDATE contact SET merged_into = 1 WHERE id = 1;
