-- Techs' mails whose domain DNS left open: each is looked at again until it is verified, found false, or out of time.

CREATE TABLE pending_check (
    inbound BIGINT NOT NULL PRIMARY KEY REFERENCES inbound (id),
    message BIGINT REFERENCES message (id),
    next_at TIMESTAMPTZ NOT NULL,
    gives_up_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX pending_check_next ON pending_check (next_at);
