INSERT INTO counter (name, value) VALUES ('looked_up', 1);
