//! The pure rules of the desk: tickets, events, clocks, triage, assignment, directives. No `async`, no SQL, no clock of its own.

pub mod assign;
pub mod calendar;
pub mod directive;
pub mod event;
pub mod firm;
pub mod rules;
pub mod sla;
pub mod ticket;
pub mod webhook;
