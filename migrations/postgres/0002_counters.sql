-- Ticket numbers and rows of messages are taken from counters: a batch takes its numbers at once, and none is used twice.

INSERT INTO counter (name, value)
SELECT 'ticket', GREATEST(
    COALESCE((SELECT MAX(number) FROM ticket), 1000),
    COALESCE(pg_sequence_last_value(pg_get_serial_sequence('ticket', 'number')::regclass), 1000)
);
INSERT INTO counter (name, value)
SELECT 'message', GREATEST(
    COALESCE((SELECT MAX(id) FROM message), 0),
    COALESCE(pg_sequence_last_value(pg_get_serial_sequence('message', 'id')::regclass), 0)
);
