-- Requests that come by chat, webhook, monitoring or phone, and what is said back there.

-- How the raw bytes are read: 'mail', or the kind of the source that brought them.
ALTER TABLE inbound ADD COLUMN form TEXT NOT NULL DEFAULT 'mail';

-- Where a message was said: the source's name, the place there (a thread, a channel, a number), and the platform's own id of it; NULL for mail.
ALTER TABLE message ADD COLUMN channel TEXT;
ALTER TABLE message ADD COLUMN place TEXT;
ALTER TABLE message ADD COLUMN channel_id TEXT;
CREATE INDEX message_by_channel_id ON message (channel, channel_id) WHERE channel_id IS NOT NULL;

-- Which way a row of the outbox leaves: NULL is mail, else the name of the channel; `recipient` is the place there.
ALTER TABLE outbox ADD COLUMN channel TEXT;

-- Where a ticket is talked about: what is said in this place belongs to it.
CREATE TABLE conversation (
    channel TEXT NOT NULL,
    place TEXT NOT NULL,
    ticket INTEGER NOT NULL REFERENCES ticket (number),
    opened_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (channel, place)
) STRICT;
CREATE INDEX conversation_by_ticket ON conversation (ticket, last_at);

-- Who a tech is on a platform: linked once by a code mailed to the tech's address.
CREATE TABLE tech_identity (
    channel TEXT NOT NULL,
    value TEXT NOT NULL,
    tech TEXT NOT NULL REFERENCES tech (login),
    linked_at TEXT NOT NULL,
    PRIMARY KEY (channel, value)
) STRICT;
