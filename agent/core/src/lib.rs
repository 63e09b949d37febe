//! Placeholder.
pub mod object;
pub mod resource;
pub mod value;
