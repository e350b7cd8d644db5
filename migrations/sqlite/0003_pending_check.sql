-- Techs' mails whose domain DNS left open: each is looked at again until it is verified, found false, or out of time.

CREATE TABLE pending_check (
    inbound INTEGER NOT NULL PRIMARY KEY REFERENCES inbound (id),
    message INTEGER REFERENCES message (id),
    next_at TEXT NOT NULL,
    gives_up_at TEXT NOT NULL
) STRICT;
CREATE INDEX pending_check_next ON pending_check (next_at);
