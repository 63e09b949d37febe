//! Rotation function for mongodb: not written yet.

fn main() {}
