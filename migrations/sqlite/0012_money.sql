-- What an entry is beside its minutes: work after hours, work that nobody pays and why, who typed it in.
ALTER TABLE time_entry ADD COLUMN after_hours INTEGER NOT NULL DEFAULT 0;
ALTER TABLE time_entry ADD COLUMN billable INTEGER NOT NULL DEFAULT 1;
ALTER TABLE time_entry ADD COLUMN reason TEXT;
ALTER TABLE time_entry ADD COLUMN entered_by TEXT;
CREATE INDEX time_entry_by_tech ON time_entry (tech, work_date);

-- A month's statement of a client: drafted, held, sent; `content` is what it says (JSON), which never changes once it is frozen.
CREATE TABLE statement (
    number INTEGER NOT NULL PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (key),
    month TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'held', 'sent')),
    drafted_at TEXT NOT NULL,
    send_at TEXT NOT NULL,
    reason TEXT,
    content TEXT,
    hash TEXT,
    last_entry INTEGER,
    sent_at TEXT,
    agreed_by TEXT,
    agreed_at TEXT,
    UNIQUE (client, month)
) STRICT;
CREATE INDEX statement_by_send_at ON statement (send_at) WHERE state = 'draft';

-- Two months over a range in a row open a conversation about it, until somebody says what came of it.
CREATE TABLE pricing (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL REFERENCES client (key),
    month TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    reminded_at TEXT NOT NULL,
    outcome TEXT CHECK (outcome IN ('agreed', 'declined')),
    said TEXT,
    said_by TEXT REFERENCES tech (login),
    closed_at TEXT
) STRICT;
CREATE UNIQUE INDEX pricing_open ON pricing (client) WHERE outcome IS NULL;
