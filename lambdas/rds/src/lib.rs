//! Where a master secret that Amazon RDS manages is valid: not written yet.
