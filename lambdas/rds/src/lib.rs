//! Where a master secret of Amazon RDS is valid: for the engines whose databases RDS, Aurora or DocumentDB run.
//!
//! A master secret that RDS manages holds `username` and `password` alone; its tags name the instance or the cluster,
//! and RDS knows the host. A master may also act for a secret that names a replica, a reader or a custom endpoint of the
//! same database. Both are asked of RDS, never guessed from a name: the master's password must not reach a host that
//! whoever wrote the secret made up. This crate asks; it changes nothing, and speaks to no database.

mod api;
mod directory;
mod master;

pub use self::api::Api;
pub use self::directory::{Cluster, Directory, Instance};
pub use self::master::master;
