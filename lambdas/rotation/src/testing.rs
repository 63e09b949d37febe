//! A world to rotate in, for the tests of every engine: one secret with AWS's label rules, one service that the engine's
//! test models, and faults on demand. Compiled for tests only (feature `testing`).

mod replay;
mod world;

pub use self::replay::{every_prefix, invoke, rotate};
pub use self::world::{Act, Fault, Lost, State, TOKEN, World};
