-- The desk: what arrived, what it became, what is to be sent.

CREATE TABLE source_cursor (
    source TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE inbound (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    source_key TEXT NOT NULL,
    arrived_at TEXT NOT NULL,
    kept_at TEXT NOT NULL,
    size INTEGER NOT NULL,
    junk INTEGER NOT NULL,
    late INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    message_id TEXT,
    content_hash TEXT,
    sender TEXT,
    subject TEXT,
    fate TEXT CHECK (fate IN ('ticket', 'reply', 'duplicate', 'automatic', 'bounce', 'refused', 'quarantined')),
    reason TEXT,
    ticket INTEGER,
    processed_at TEXT,
    UNIQUE (source, source_key),
    CHECK ((fate IS NULL) = (processed_at IS NULL))
) STRICT;
CREATE INDEX inbound_unprocessed ON inbound (id) WHERE fate IS NULL;
CREATE INDEX inbound_content ON inbound (content_hash);
CREATE INDEX inbound_late ON inbound (fate, late, id);
CREATE INDEX inbound_by_fate ON inbound (fate, processed_at);

CREATE TABLE raw (
    inbound INTEGER NOT NULL PRIMARY KEY REFERENCES inbound (id),
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE client (
    key TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    active INTEGER NOT NULL
) STRICT;

CREATE TABLE tech (
    login TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    active INTEGER NOT NULL,
    last_assigned_at TEXT
) STRICT;

CREATE TABLE retainer (
    client TEXT NOT NULL REFERENCES client (key),
    since TEXT NOT NULL,
    ends TEXT,
    bottom_minutes INTEGER NOT NULL,
    top_minutes INTEGER NOT NULL,
    fee_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    overage_rate_minor INTEGER,
    active INTEGER NOT NULL,
    PRIMARY KEY (client, since)
) STRICT;

CREATE TABLE contact (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    client TEXT REFERENCES client (key),
    name TEXT NOT NULL,
    configured INTEGER NOT NULL,
    active INTEGER NOT NULL
) STRICT;
CREATE INDEX contact_by_client ON contact (client);

CREATE TABLE address (
    kind TEXT NOT NULL CHECK (kind IN ('mail', 'phone', 'chat')),
    value TEXT NOT NULL,
    contact INTEGER NOT NULL REFERENCES contact (id),
    verified_at TEXT,
    PRIMARY KEY (kind, value)
) STRICT;
CREATE INDEX address_by_contact ON address (contact);

CREATE TABLE ticket (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    revision INTEGER NOT NULL,
    subject TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('unsorted', 'new', 'open', 'waiting', 'resolved', 'closed', 'spam', 'merged')),
    priority TEXT NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    first_priority TEXT NOT NULL CHECK (first_priority IN ('P1', 'P2', 'P3', 'P4')),
    category TEXT NOT NULL CHECK (category IN ('retainer', 'project', 'tm', 'warranty')),
    client TEXT REFERENCES client (key),
    requester INTEGER REFERENCES contact (id),
    assignee TEXT REFERENCES tech (login),
    source TEXT NOT NULL,
    skill TEXT,
    tags TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    first_touch_due TEXT,
    first_touch_at TEXT,
    first_touch_by TEXT,
    resolve_due TEXT,
    resolved_at TEXT,
    merged_into INTEGER REFERENCES ticket (number),
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_by_status ON ticket (status, first_touch_due);
CREATE INDEX ticket_load ON ticket (assignee, priority) WHERE status IN ('new', 'open');
CREATE INDEX ticket_unsorted ON ticket (number) WHERE status = 'unsorted';
CREATE INDEX ticket_resolved_by_client ON ticket (client, number) WHERE status IN ('resolved', 'closed');
CREATE INDEX ticket_by_client ON ticket (client, number);
CREATE INDEX ticket_by_requester ON ticket (requester, number);

CREATE TABLE ticket_event (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (ticket, seq)
) STRICT;

CREATE TABLE ticket_participant (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    contact INTEGER NOT NULL REFERENCES contact (id),
    PRIMARY KEY (ticket, contact)
) STRICT;

CREATE TABLE sla_clock (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    kind TEXT NOT NULL CHECK (kind IN ('first_touch', 'answer', 'resolve')),
    started_at TEXT NOT NULL,
    due TEXT NOT NULL,
    paused_at TEXT,
    stopped_at TEXT,
    breached INTEGER NOT NULL,
    PRIMARY KEY (ticket, kind)
) STRICT;

CREATE TABLE timer (
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    kind TEXT NOT NULL CHECK (kind IN ('first_touch', 'answer', 'resolve', 'wake', 'nudge', 'close', 'ask')),
    fire_at TEXT NOT NULL,
    PRIMARY KEY (ticket, kind)
) STRICT;
CREATE INDEX timer_next ON timer (fire_at);

CREATE TABLE message (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    inbound INTEGER REFERENCES inbound (id),
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'internal')),
    actor TEXT NOT NULL,
    sender_name TEXT NOT NULL,
    sender_address TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT,
    at TEXT NOT NULL,
    text TEXT NOT NULL,
    attachments TEXT NOT NULL,
    verdicts TEXT,
    reason TEXT
) STRICT;
CREATE INDEX message_by_ticket ON message (ticket, id);
CREATE INDEX message_by_message_id ON message (message_id);

CREATE TABLE time_entry (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER REFERENCES ticket (number),
    client TEXT REFERENCES client (key),
    tech TEXT NOT NULL REFERENCES tech (login),
    minutes INTEGER NOT NULL,
    category TEXT NOT NULL CHECK (category IN ('retainer', 'project', 'tm', 'warranty')),
    work_date TEXT NOT NULL,
    note TEXT,
    entered_at TEXT NOT NULL,
    corrects INTEGER REFERENCES time_entry (id),
    inbound INTEGER REFERENCES inbound (id)
) STRICT;
CREATE INDEX time_entry_by_ticket ON time_entry (ticket);
CREATE INDEX time_entry_by_client ON time_entry (client, work_date);

CREATE TABLE outbox (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    dedupe_key TEXT NOT NULL UNIQUE,
    class TEXT NOT NULL CHECK (class IN ('must_arrive', 'once')),
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'data', 'sent', 'uncertain', 'failed', 'withdrawn', 'dropped')),
    kind TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    ticket INTEGER REFERENCES ticket (number),
    envelope_from TEXT,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    bytes BLOB NOT NULL,
    created_at TEXT NOT NULL,
    next_at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    uncertain_attempts INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_until TEXT,
    last_error TEXT,
    sent_at TEXT,
    notified INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('queued', 'uncertain');
CREATE INDEX outbox_by_state ON outbox (state, next_at);
CREATE INDEX outbox_untold ON outbox (id) WHERE notified = FALSE AND state IN ('failed', 'uncertain');
CREATE INDEX outbox_by_ticket ON outbox (ticket);
CREATE INDEX outbox_by_message_id ON outbox (message_id);
CREATE INDEX outbox_by_recipient ON outbox (recipient, created_at);

CREATE TABLE reply_token (
    token TEXT NOT NULL PRIMARY KEY,
    ticket INTEGER REFERENCES ticket (number),
    tech TEXT REFERENCES tech (login),
    purpose TEXT NOT NULL CHECK (purpose IN ('client', 'approval', 'public', 'internal', 'digest', 'confirm')),
    context TEXT,
    created_at TEXT NOT NULL,
    CHECK ((tech IS NULL) = (purpose IN ('client', 'approval')))
) STRICT;
CREATE INDEX reply_token_by_ticket ON reply_token (ticket);

CREATE TABLE seen_signature (
    signature TEXT NOT NULL PRIMARY KEY,
    inbound INTEGER NOT NULL REFERENCES inbound (id),
    seen_at TEXT NOT NULL
) STRICT;

CREATE TABLE job_run (
    job TEXT NOT NULL,
    period TEXT NOT NULL,
    ran_at TEXT NOT NULL,
    PRIMARY KEY (job, period)
) STRICT;

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE mute (
    address TEXT NOT NULL PRIMARY KEY,
    why TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

-- The first ticket is #1001: a number that nobody mistakes for a count.
INSERT INTO sqlite_sequence (name, seq) VALUES ('ticket', 1000);
