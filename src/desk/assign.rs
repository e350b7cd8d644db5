//! Who gets the ticket.
