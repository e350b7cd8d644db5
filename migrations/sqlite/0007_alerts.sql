-- When the machine that speaks in this place said that its trouble is over; NULL while it is not, and where people speak.
ALTER TABLE conversation ADD COLUMN over_at TEXT;
