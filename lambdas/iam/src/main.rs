//! Rotation function for iam: not written yet.

fn main() {}
