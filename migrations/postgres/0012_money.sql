-- What an entry is beside its minutes: work after hours, work that nobody pays and why, who typed it in.
ALTER TABLE time_entry ADD COLUMN after_hours BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE time_entry ADD COLUMN billable BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE time_entry ADD COLUMN reason TEXT;
ALTER TABLE time_entry ADD COLUMN entered_by TEXT;
CREATE INDEX time_entry_by_tech ON time_entry (tech, work_date);

-- A month's statement of a client: drafted, held, sent; `content` is what it says (JSON), which never changes once it is frozen.
CREATE TABLE statement (
    number BIGINT NOT NULL PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (key),
    month DATE NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'held', 'sent')),
    drafted_at TIMESTAMPTZ NOT NULL,
    send_at TIMESTAMPTZ NOT NULL,
    reason TEXT,
    content TEXT,
    hash TEXT,
    last_entry BIGINT,
    sent_at TIMESTAMPTZ,
    agreed_by TEXT,
    agreed_at TIMESTAMPTZ,
    UNIQUE (client, month)
);
CREATE INDEX statement_by_send_at ON statement (send_at) WHERE state = 'draft';
