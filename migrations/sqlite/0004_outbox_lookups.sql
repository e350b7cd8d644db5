-- What is asked for every batch of mail is answered by an index alone: behind the bytes of a mail SQLite has to read the whole mail first.

DROP INDEX outbox_by_recipient;
CREATE INDEX outbox_by_recipient ON outbox (recipient, created_at, automatic, state, next_at, kind);
DROP INDEX outbox_by_state;
CREATE INDEX outbox_by_state ON outbox (state, next_at, created_at);
