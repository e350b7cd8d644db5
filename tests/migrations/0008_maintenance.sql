INSERT INTO maintenance (client, starts_at, ends_at, tech, noted_at)
VALUES ('acme', '2026-03-02T22:00:00+00:00', '2026-03-03T02:00:00+00:00', 'sam', '2026-03-02T09:00:00+00:00');
INSERT INTO quiet_alert (channel, place, inbound) VALUES ('monitoring', 'disk/2', 1);
