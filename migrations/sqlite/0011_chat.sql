-- Who is who in a chat: a code mailed to an address, to be typed in the chat by whoever asked for it.
CREATE TABLE link_code (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    author TEXT NOT NULL,
    address TEXT NOT NULL,
    code TEXT NOT NULL,
    created_at TEXT NOT NULL,
    wrong INTEGER NOT NULL DEFAULT 0,
    used_at TEXT
) STRICT;
CREATE INDEX link_code_by_author ON link_code (channel, author, created_at);
CREATE INDEX link_code_by_address ON link_code (address, created_at);

-- A contact that turned out to be another one.
ALTER TABLE contact ADD COLUMN merged_into INTEGER REFERENCES contact (id);
