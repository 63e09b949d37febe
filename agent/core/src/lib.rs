//! Placeholder.
pub mod index;
pub mod change;
pub mod identity;
pub mod object;
pub mod resource;
pub mod value;
