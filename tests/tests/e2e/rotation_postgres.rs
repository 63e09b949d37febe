//! The engine for PostgreSQL on the real server, without the function around it: a secret of its own in memory, the real
//! steps, and the server's own word for what came of them.

mod bad_input;
mod bench;
mod log;
mod one;
mod pair;
mod preflight;
mod tls;
mod users;
