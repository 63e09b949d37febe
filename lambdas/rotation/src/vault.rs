//! Secrets Manager as the protocol needs it: labels, versions, and nothing else.

pub mod secrets_manager;

use std::collections::BTreeMap;
use std::future::Future;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::event::RotationToken;
use crate::plan::Tags;
use crate::secret::SecretDocument;

/// The label of the version in force.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation prepares.
pub const PENDING: &str = "AWSPENDING";
/// The label of the version that was in force before; Secrets Manager moves it by itself.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// What DescribeSecret tells about a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Full ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// Whether rotation is switched on; absent if it never was configured.
    pub rotation_enabled: Option<bool>,
    /// Labels by version id. A version without labels does not appear.
    pub labels: BTreeMap<String, Vec<String>>,
    /// Tags.
    pub tags: Tags,
}

impl Description {
    /// The version that has the label.
    #[must_use]
    pub fn holder(&self, label: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(_, labels)| labels.iter().any(|held| held == label))
            .map(|(version, _)| version.as_str())
    }

    /// Whether that version has the label.
    #[must_use]
    pub fn has(&self, version: &str, label: &str) -> bool {
        self.labels.get(version).is_some_and(|labels| labels.iter().any(|held| held == label))
    }
}

/// Which version to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector<'a> {
    /// The one with AWSCURRENT, whichever that is: for secrets of which nothing else is asked.
    Current,
    /// The one with this id, and only if it has AWSCURRENT.
    InForce(&'a str),
    /// The one with this id, and only if it has AWSPENDING.
    Pending(&'a str),
    /// The one with this id, whatever its labels.
    Version(&'a str),
}

/// What came of storing a pending version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The version now holds the document.
    Written,
    /// The version has a value already, another one, which was not touched.
    Exists,
}

/// What came of moving AWSCURRENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The label is on the new version.
    Yes,
    /// The label was not where it was expected; nothing was changed.
    Overtaken,
}

/// An AWS call that did not succeed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "secretsmanager:{operation} failed ({reason}); check the function's role, the secret's KMS key and the network"
)]
pub struct VaultError {
    /// The API operation.
    pub operation: &'static str,
    /// Error code, or what kind of failure it was before there was an answer. Never the message: AWS's validation
    /// errors repeat what was sent.
    pub reason: String,
}

/// The store of versions and labels.
pub trait Vault {
    /// Reads the labels.
    fn describe(&self, secret: &str) -> impl Future<Output = Result<Description, VaultError>> + Send;

    /// Reads one version's text; nothing if there is no such version, or none with a value yet.
    fn read(
        &self,
        secret: &str,
        version: Selector<'_>,
    ) -> impl Future<Output = Result<Option<Zeroizing<String>>, VaultError>> + Send;

    /// Stores the pending version of a rotation.
    fn store_pending(
        &self,
        secret: &str,
        version: &str,
        document: &SecretDocument,
        token: Option<&RotationToken>,
    ) -> impl Future<Output = Result<Stored, VaultError>> + Send;

    /// Moves AWSCURRENT from exactly that version to the other one.
    fn move_current(
        &self,
        secret: &str,
        from: &str,
        to: &str,
    ) -> impl Future<Output = Result<Moved, VaultError>> + Send;

    /// Gives that version a label that no version has.
    fn add_label(
        &self,
        secret: &str,
        version: &str,
        label: &str,
    ) -> impl Future<Output = Result<(), VaultError>> + Send;

    /// Takes a label, which is not AWSCURRENT, off that version.
    fn drop_label(
        &self,
        secret: &str,
        version: &str,
        label: &str,
    ) -> impl Future<Output = Result<(), VaultError>> + Send;

    /// The ids of the versions that have a value and no label, the latest first.
    fn unlabelled(&self, secret: &str) -> impl Future<Output = Result<Vec<String>, VaultError>> + Send;
}
