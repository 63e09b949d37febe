//! What slow functions cost, in steps of a run ([`crate::limits::STEPS`]). A step stands for about five microseconds of
//! a small machine, so that all steps together take about a second.

/// To take in an RSA key.
pub(super) const RSA_KEY: u64 = 2_000;
/// To decrypt or sign with an RSA key.
pub(super) const RSA_OPERATION: u64 = 5_000;
/// To sign with an elliptic curve, or to find the public key of a private one.
pub(super) const EC_OPERATION: u64 = 500;
/// To make an RSA key of 2048 bits; how long one takes is luck.
pub(super) const RSA_2048: u64 = 20_000;
/// To make an RSA key of 4096 bits: one a run.
pub(super) const RSA_4096: u64 = 150_000;
/// To hash a password with bcrypt, ten rounds.
pub(super) const BCRYPT: u64 = 15_000;
/// To derive a password with scrypt, as sprig does.
pub(super) const SCRYPT: u64 = 40_000;

/// To derive so many blocks of a key.
pub(super) fn iterations(count: u32, blocks: usize) -> u64 {
    u64::from(count).saturating_mul(blocks as u64) / 16
}
