-- Which way a row of the outbox leaves: 'mail', or the name of a channel (`webhook/crm`); `recipient` is the place there.
ALTER TABLE outbox DROP COLUMN channel;
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';

-- Each way has a sender of its own, which looks for what is due there.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE state IN ('queued', 'uncertain');
