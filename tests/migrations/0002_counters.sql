INSERT INTO mute (address, why, at) VALUES ('noise@elsewhere.example', '#spam', '2026-03-02T09:00:00+00:00');
