//! A ticket as its events tell it.
