INSERT INTO outbox (dedupe_key, class, state, kind, automatic, recipient, message_id, subject, bytes, created_at, next_at, attempts, uncertain_attempts, channel)
SELECT 'webhook/crm/1/1', class, state, 'ticket.created', FALSE, 'crm', 'evt_1', 'ticket.created', bytes, created_at, next_at, attempts, uncertain_attempts, 'webhook/crm'
FROM outbox LIMIT 1;
