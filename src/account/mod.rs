//! How we log in elsewhere: TLS with the system's or an own CA, passwords, OAuth tokens and their renewal.
