//! Placeholder.
pub mod object;
pub mod value;
