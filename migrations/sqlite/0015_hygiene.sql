-- Entries that will never be billed, and why.
CREATE TABLE write_off (
    entry INTEGER NOT NULL PRIMARY KEY REFERENCES time_entry (id),
    at TEXT NOT NULL,
    by_tech TEXT NOT NULL REFERENCES tech (login),
    reason TEXT NOT NULL
) STRICT;

-- Money that the reports found: what it is about, and what it may be worth.
CREATE TABLE leak (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    entry INTEGER REFERENCES time_entry (id),
    ticket INTEGER REFERENCES ticket (number),
    found_at TEXT NOT NULL,
    minor INTEGER,
    currency TEXT
) STRICT;
CREATE UNIQUE INDEX leak_of_entry ON leak (entry) WHERE entry IS NOT NULL;
CREATE UNIQUE INDEX leak_of_ticket ON leak (ticket) WHERE entry IS NULL;
