//! Rotation function for generic: not written yet.

fn main() {}
