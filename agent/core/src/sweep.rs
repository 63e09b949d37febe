//! The sweep's decisions: which objects have to be compared with AWS now, and which finds nobody announced.
//!
//! The sweep itself asks AWS and reads the clock; it is the agent's. How often an object is compared is
//! [`crate::pipe::check_interval`]'s, how it is asked cheaply is [`crate::listing`]'s.

mod due;
mod unannounced;

pub use due::{Begun, Closed, Comparisons, Due};
pub use unannounced::{Find, Moved, Unannounced, moved, should_be_announced};
