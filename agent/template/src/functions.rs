//! The functions that templates can call: those of Go's text/template and, as External Secrets Operator has them, those
//! of sprig. `env`, `expandenv` and `getHostByName` are left out there and here.
#![allow(clippy::needless_pass_by_value, reason = "the table hands the arguments over")]

mod builtin;
mod convert;
mod dates;
mod decimal;
mod dicts;
mod duration;
mod encoding;
mod flow;
mod json;
mod letters;
mod lists;
mod merge;
mod numbers;
mod paths;
mod random;
mod regex;
mod semver;
mod signature;
mod split;
mod text;
mod types;
mod urls;
mod words;

use std::sync::LazyLock;

pub(crate) use signature::{Argument, Rest, Returned, Table, Texts};

/// All functions.
pub(crate) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        builtin::add(&mut table);
        crate::crypto::add(&mut table);
        dates::add(&mut table);
        dicts::add(&mut table);
        encoding::add(&mut table);
        flow::add(&mut table);
        json::add(&mut table);
        lists::add(&mut table);
        numbers::add(&mut table);
        paths::add(&mut table);
        random::add(&mut table);
        regex::add(&mut table);
        semver::add(&mut table);
        split::add(&mut table);
        text::add(&mut table);
        types::add(&mut table);
        urls::add(&mut table);
        words::add(&mut table);
        table
    });
    &TABLE
}
