-- While a client is being worked on, alerts of its machines are kept and told to nobody.
CREATE TABLE maintenance (
    id INTEGER PRIMARY KEY NOT NULL,
    client TEXT NOT NULL REFERENCES client (key),
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    tech TEXT NOT NULL REFERENCES tech (login),
    noted_at TEXT NOT NULL
) STRICT;
CREATE INDEX maintenance_by_client ON maintenance (client, ends_at);

-- An alert that came in such a time and is not over yet: looked at again when it ends.
CREATE TABLE quiet_alert (
    channel TEXT NOT NULL,
    place TEXT NOT NULL,
    inbound INTEGER NOT NULL REFERENCES inbound (id),
    PRIMARY KEY (channel, place)
) STRICT, WITHOUT ROWID;
