//! What the tables of cases share: [`crate::conformance`] tells what an ExternalSecret means, [`crate::rollouts`] what
//! restarts a workload.
//!
//! ```text
//! case      reads the cases of a folder; what stands in a step is the table's own
//! objects   what a case does to the API server
//! pattern   compares what is expected with what is seen
//! rules     each rule has a case, and each case a rule
//! report    what became of the cases
//! ```

pub mod case;
pub mod objects;
pub mod pattern;
pub mod report;
pub mod rules;
