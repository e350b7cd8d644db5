//! Money and time: pure.
