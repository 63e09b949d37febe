//! Rotation function for redis: not written yet.

fn main() {}
