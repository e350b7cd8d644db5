//! Triage by keyword rules: one automaton for all words of all rules.

/// The compiled rules of a config.
#[derive(Debug)]
pub struct Rules;
