//! Deadlines and escalation moments: pure functions of events and calendars.
