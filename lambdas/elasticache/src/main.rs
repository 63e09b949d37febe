//! Rotation function for elasticache: not written yet.

fn main() {}
