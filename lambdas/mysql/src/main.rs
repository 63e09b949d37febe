//! Rotation function for mysql: not written yet.

fn main() {}
