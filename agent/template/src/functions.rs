//! The functions that templates can call: those of Go's text/template and, as External Secrets Operator has them, those
//! of sprig. `env`, `expandenv` and `getHostByName` are left out there and here.
#![allow(clippy::needless_pass_by_value, reason = "the table hands the arguments over")]

mod builtin;
mod signature;

use std::sync::LazyLock;

pub(crate) use signature::{Argument, Function, Rest, Table, Texts};

/// All functions.
pub(crate) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        builtin::add(&mut table);
        crate::crypto::add(&mut table);
        table
    });
    &TABLE
}
