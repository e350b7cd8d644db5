-- Runs of billing: frozen and numbered; of each month one that stands.
CREATE TABLE billing_run (
    number INTEGER NOT NULL PRIMARY KEY,
    period TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('done', 'void')),
    ran_at TEXT NOT NULL,
    content TEXT NOT NULL,
    hash TEXT NOT NULL,
    void_at TEXT,
    void_reason TEXT
) STRICT;
CREATE UNIQUE INDEX billing_run_of_period ON billing_run (period) WHERE state = 'done';

-- Its lines, for reports and for what is billed by difference.
CREATE TABLE billing_line (
    run INTEGER NOT NULL REFERENCES billing_run (number),
    line INTEGER NOT NULL,
    client TEXT NOT NULL REFERENCES client (key),
    invoice TEXT,
    kind TEXT NOT NULL,
    billed_as TEXT,
    month TEXT,
    ticket INTEGER REFERENCES ticket (number),
    minutes INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    amount_minor INTEGER,
    currency TEXT,
    PRIMARY KEY (run, line)
) STRICT;
CREATE INDEX billing_line_by_client ON billing_line (client, billed_as);

-- Which entries each line settled.
CREATE TABLE billing_entry (
    entry INTEGER NOT NULL REFERENCES time_entry (id),
    run INTEGER NOT NULL REFERENCES billing_run (number),
    line INTEGER NOT NULL,
    PRIMARY KEY (entry, run)
) STRICT;
