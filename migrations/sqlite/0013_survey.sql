-- How a client was content with a resolved ticket: one question, one answer, which may be changed for a while.
CREATE TABLE survey (
    ticket INTEGER NOT NULL PRIMARY KEY REFERENCES ticket (number),
    token TEXT NOT NULL UNIQUE,
    asked_at TEXT NOT NULL,
    answer TEXT CHECK (answer IN ('good', 'fair', 'bad')),
    words TEXT,
    answered_at TEXT,
    changed_at TEXT
) STRICT;
CREATE INDEX survey_by_answered_at ON survey (answered_at);

-- Who was asked when: nobody too often.
CREATE TABLE survey_asked (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    contact INTEGER NOT NULL REFERENCES contact (id),
    asked_at TEXT NOT NULL
) STRICT;
CREATE INDEX survey_asked_by_contact ON survey_asked (contact, asked_at);
CREATE INDEX survey_asked_by_ticket ON survey_asked (ticket);
