INSERT INTO counter (name, value) VALUES ('paused/noise@elsewhere.example', 1772467200);
