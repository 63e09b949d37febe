//! What is asked of RDS.

use std::future::Future;

use rekey_rotation::engine::EngineError;

/// A database instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its endpoint's host name.
    pub host: String,
    /// Its endpoint's port.
    pub port: u16,
    /// Identifiers of the instances that replicate it, in this region.
    pub replicas: Vec<String>,
}

/// A cluster of Aurora, DocumentDB or RDS Multi-AZ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its writer's endpoint.
    pub host: String,
    /// The port of all its endpoints.
    pub port: u16,
    /// Its reader's and custom endpoints.
    pub endpoints: Vec<String>,
    /// Identifiers of its instances.
    pub members: Vec<String>,
}

/// The part of RDS that knows where databases are.
pub trait Directory: Sync {
    /// The instance with that identifier or ARN, if there is one.
    fn instance(&self, id: &str) -> impl Future<Output = Result<Option<Instance>, EngineError>> + Send;

    /// The cluster with that identifier or ARN, if there is one.
    fn cluster(&self, id: &str) -> impl Future<Output = Result<Option<Cluster>, EngineError>> + Send;
}
