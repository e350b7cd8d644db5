//! The one door: everything that arrives is kept, read, threaded, identified and acted upon here.

mod door;

pub use door::{Arrival, Closed, Intake, Keep};
