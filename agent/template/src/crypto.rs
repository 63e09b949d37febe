//! Keys, certificates, keystores, passwords and YAML: the functions that External Secrets Operator adds to sprig's
//! (`runtime/template/v2` there), and sprig's functions of cryptography.
#![allow(clippy::needless_pass_by_value, reason = "the table hands the arguments over")]

mod aes;
mod asn1;
mod certificate;
mod chain;
mod cost;
mod curve;
mod decrypt;
mod issue;
mod jwk;
mod key;
mod name;
mod password;
mod pem;
mod pkcs12;
mod yaml;

use crate::functions::Table;

/// Adds the functions of this module.
pub(crate) fn add(table: &mut Table) {
    aes::add(table);
    chain::add(table);
    decrypt::add(table);
    issue::add(table);
    jwk::add(table);
    password::add(table);
    pkcs12::add(table);
    yaml::add(table);
}

#[cfg(test)]
mod tests;
