-- Tables whose key is not their row number had two b-trees, one from the key to the row number and one from there to the row. With
-- WITHOUT ROWID they have one: ten of the 56 entries that a new ticket writes are gone. (Postgres has no such thing.)

CREATE TABLE ticket_event_new (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (ticket, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO ticket_event_new (ticket, seq, at, recorded_at, actor, cause, kind, data)
SELECT ticket, seq, at, recorded_at, actor, cause, kind, data FROM ticket_event ORDER BY ticket, seq;
DROP TABLE ticket_event;
ALTER TABLE ticket_event_new RENAME TO ticket_event;

CREATE TABLE ticket_participant_new (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    contact INTEGER NOT NULL REFERENCES contact (id),
    PRIMARY KEY (ticket, contact)
) STRICT, WITHOUT ROWID;
INSERT INTO ticket_participant_new (ticket, contact)
SELECT ticket, contact FROM ticket_participant ORDER BY ticket, contact;
DROP TABLE ticket_participant;
ALTER TABLE ticket_participant_new RENAME TO ticket_participant;

CREATE TABLE sla_clock_new (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    kind TEXT NOT NULL CHECK (kind IN ('first_touch', 'answer', 'resolve')),
    started_at TEXT NOT NULL,
    due TEXT NOT NULL,
    paused_at TEXT,
    stopped_at TEXT,
    breached INTEGER NOT NULL,
    PRIMARY KEY (ticket, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO sla_clock_new (ticket, kind, started_at, due, paused_at, stopped_at, breached)
SELECT ticket, kind, started_at, due, paused_at, stopped_at, breached FROM sla_clock ORDER BY ticket, kind;
DROP TABLE sla_clock;
ALTER TABLE sla_clock_new RENAME TO sla_clock;

CREATE TABLE timer_new (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    kind TEXT NOT NULL CHECK (kind IN ('first_touch', 'answer', 'resolve', 'wake', 'nudge', 'close', 'ask')),
    fire_at TEXT NOT NULL,
    PRIMARY KEY (ticket, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO timer_new (ticket, kind, fire_at) SELECT ticket, kind, fire_at FROM timer ORDER BY ticket, kind;
DROP TABLE timer;
ALTER TABLE timer_new RENAME TO timer;
CREATE INDEX timer_next ON timer (fire_at);

CREATE TABLE reply_token_new (
    token TEXT NOT NULL PRIMARY KEY,
    ticket INTEGER REFERENCES ticket (number),
    tech TEXT REFERENCES tech (login),
    purpose TEXT NOT NULL CHECK (purpose IN ('client', 'approval', 'public', 'internal', 'digest', 'confirm')),
    context TEXT,
    created_at TEXT NOT NULL,
    CHECK ((tech IS NULL) = (purpose IN ('client', 'approval')))
) STRICT, WITHOUT ROWID;
INSERT INTO reply_token_new (token, ticket, tech, purpose, context, created_at)
SELECT token, ticket, tech, purpose, context, created_at FROM reply_token ORDER BY token;
DROP TABLE reply_token;
ALTER TABLE reply_token_new RENAME TO reply_token;
CREATE INDEX reply_token_by_ticket ON reply_token (ticket);
