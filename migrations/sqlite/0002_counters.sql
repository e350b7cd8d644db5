-- Ticket numbers and rows of messages are taken from counters: a batch takes its numbers at once, and none is used twice.

INSERT INTO counter (name, value)
SELECT 'ticket', MAX(
    COALESCE((SELECT MAX(number) FROM ticket), 1000),
    COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'ticket'), 1000)
);
INSERT INTO counter (name, value)
SELECT 'message', MAX(
    COALESCE((SELECT MAX(id) FROM message), 0),
    COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0)
);
