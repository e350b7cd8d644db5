INSERT INTO client (key, name, active) VALUES ('acme', 'Acme Dental', TRUE);
INSERT INTO tech (login, name, email, active) VALUES ('sam', 'Sam Ortiz', 'sam@northwind.example', TRUE);
INSERT INTO contact (id, client, name, configured, active) VALUES (1, 'acme', 'Jane Roe', TRUE, TRUE);
INSERT INTO address (kind, value, contact) VALUES ('mail', 'jane@acme-dental.example', 1);
INSERT INTO inbound (id, source, source_key, arrived_at, kept_at, size, junk, late, attempts)
VALUES (1, 'support', '7/1', '2026-03-02T09:00:00+00:00', '2026-03-02T09:00:01+00:00', 12, FALSE, FALSE, 1);
INSERT INTO ticket (number, revision, subject, status, priority, first_priority, category, client, requester, assignee,
    source, tags, automatic, received_at, updated_at)
VALUES (1, 1, 'the printer', 'new', 'P3', 'P3', 'retainer', 'acme', 1, 'sam',
    'support', '[]', FALSE, '2026-03-02T09:00:00+00:00', '2026-03-02T09:00:01+00:00');
INSERT INTO ticket_event (ticket, seq, at, recorded_at, actor, cause, kind, data)
VALUES (1, 1, '2026-03-02T09:00:00+00:00', '2026-03-02T09:00:01+00:00', 'contact:1', 'inbound:1', 'opened', '{}');
INSERT INTO time_entry (id, ticket, client, tech, minutes, category, work_date, entered_at)
VALUES (1, 1, 'acme', 'sam', 25, 'retainer', '2026-03-02', '2026-03-02T10:00:00+00:00');
INSERT INTO lease (name, owner, epoch, expires_at) VALUES ('desk', 'one', 1, '2026-03-02T09:00:30+00:00');
