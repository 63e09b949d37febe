//! `filterPEM`, `filterCertChain`, `certSANs`: parts of texts with certificates. The order of a chain is that of key
//! identifiers; it proves nothing.

use super::certificate::{self, Certificate};
use super::pem;
use crate::Error;
use crate::functions::{Table, Texts};
use crate::run::Run;
use crate::value::Text;

pub(super) fn add(table: &mut Table) {
    table.add("filterPEM", filter_pem);
    table.add("filterCertChain", filter_chain);
    table.add("certSANs", alternative_names);
}

/// The blocks of one kind.
fn filter_pem(kind: Text, input: Text) -> Result<Vec<u8>, Error> {
    let mut rest = from_first_block(&input);
    let mut output = Vec::new();
    while let (Some(block), after) = pem::decode(rest) {
        rest = after;
        // Go folds case by Unicode, but only these two letters fold into ASCII.
        if block.kind.eq_ignore_ascii_case(&kind) {
            output.extend_from_slice(&block.encode());
        }
    }
    if output.is_empty() && !rest.is_empty() {
        return Err(Error::Failed("error filtering pem: found junk".to_owned()));
    }
    Ok(output)
}

/// `leaf`, `intermediate` or `root` of a chain; nothing for any other word.
fn filter_chain(run: &Run<'_>, part: Text, input: Text) -> Result<Vec<u8>, Error> {
    let certificates = certificate::all(&input)?;
    let chain = ordered(run, &certificates)?;
    let chosen = match &*part {
        b"leaf" => chain.first().filter(|leaf| !leaf.is_root()).copied().into_iter().collect(),
        b"intermediate" => chain.iter().skip(1).take_while(|certificate| !certificate.is_root()).copied().collect(),
        b"root" => chain.last().filter(|last| last.is_root()).copied().into_iter().collect(),
        _ => Vec::new(),
    };
    Ok(chosen.into_iter().flat_map(Certificate::to_pem).collect())
}

/// What a certificate is for: names, addresses.
fn alternative_names(input: Text) -> Result<Texts, Error> {
    let (block, _) = pem::decode(from_first_block(&input));
    let block = block.ok_or_else(|| Error::Failed("failed to decode PEM block".to_owned()))?;
    let names = Certificate::new(&block.bytes)?.alternative_names;
    Ok(Texts(names.into_iter().map(Text::from).collect()))
}

/// From leaf to root, each the issuer of the one before.
pub(super) fn ordered<'a>(run: &Run<'_>, certificates: &'a [Certificate]) -> Result<Vec<&'a Certificate>, Error> {
    let pairs = certificates.len() as u64 * certificates.len() as u64;
    run.steps(pairs / 64)?;
    let failed = |words: &str| Error::Failed(words.to_owned());
    // As in Go, a certificate without an identifier matches one that has none either.
    let is_issuer = |certificate: &Certificate, other: &Certificate| {
        certificate.authority_key.as_deref().unwrap_or_default() == other.subject_key.as_deref().unwrap_or_default()
    };
    let issuer = |at: usize| {
        let mut others = certificates.iter().enumerate().filter(move |(other, _)| *other != at);
        others.find(|(_, other)| is_issuer(&certificates[at], other)).map(|(found, _)| found)
    };
    let issuers: Vec<_> = (0..certificates.len()).map(issuer).collect();
    let mut is_leaf = vec![true; certificates.len()];
    for issuer in issuers.iter().flatten() {
        is_leaf[*issuer] = false;
    }
    let mut leaves = (0..certificates.len()).filter(|at| is_leaf[*at]);
    let mut next = leaves.next();
    match (next, leaves.next()) {
        (None, _) => return Err(failed("no leaf certificate found")),
        (_, Some(_)) => return Err(failed("found multiple leaf or disjunct certificates")),
        _ => {}
    }
    let mut chain = Vec::new();
    while let Some(at) = next {
        if chain.len() == certificates.len() {
            return Err(failed("constructing chain resulted in cycle"));
        }
        chain.push(&certificates[at]);
        next = issuers[at];
    }
    Ok(chain)
}

/// The text without what stands before its first block.
fn from_first_block(text: &[u8]) -> &[u8] {
    let begin = b"-----BEGIN";
    let start = text.windows(begin.len()).position(|window| window == begin);
    &text[start.unwrap_or_default()..]
}
