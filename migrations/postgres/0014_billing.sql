-- Runs of billing: frozen and numbered; of each month one that stands.
CREATE TABLE billing_run (
    number BIGINT NOT NULL PRIMARY KEY,
    period DATE NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('done', 'void')),
    ran_at TIMESTAMPTZ NOT NULL,
    content TEXT NOT NULL,
    hash TEXT NOT NULL,
    void_at TIMESTAMPTZ,
    void_reason TEXT
);
CREATE UNIQUE INDEX billing_run_of_period ON billing_run (period) WHERE state = 'done';

-- Its lines, for reports and for what is billed by difference.
CREATE TABLE billing_line (
    run BIGINT NOT NULL REFERENCES billing_run (number),
    line BIGINT NOT NULL,
    client TEXT NOT NULL REFERENCES client (key),
    invoice TEXT,
    kind TEXT NOT NULL,
    billed_as TEXT,
    month DATE,
    ticket BIGINT REFERENCES ticket (number),
    minutes BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    amount_minor BIGINT,
    currency TEXT,
    PRIMARY KEY (run, line)
);
CREATE INDEX billing_line_by_client ON billing_line (client, billed_as);

-- Which entries each line settled.
CREATE TABLE billing_entry (
    entry BIGINT NOT NULL REFERENCES time_entry (id),
    run BIGINT NOT NULL REFERENCES billing_run (number),
    line BIGINT NOT NULL,
    PRIMARY KEY (entry, run)
);
