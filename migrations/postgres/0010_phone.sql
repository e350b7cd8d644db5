-- When a telephone number asked for no more text messages (STOP).
ALTER TABLE address ADD COLUMN stopped_at TIMESTAMPTZ;
