//! The directory on the real API.

use aws_sdk_rds::Client;
use aws_sdk_rds::error::ProvideErrorMetadata;
use rekey_rotation::aws;
use rekey_rotation::engine::EngineError;
use tokio::sync::OnceCell;

use crate::directory::{Cluster, Directory, Instance};

/// RDS in the function's account and region. The client is made when it is first asked, which for most secrets is never.
#[derive(Debug, Default)]
pub struct Api {
    client: OnceCell<Client>,
}

impl Api {
    async fn client(&self) -> &Client {
        self.client.get_or_init(async || Client::new(&aws::config().await)).await
    }
}

impl Directory for Api {
    async fn instance(&self, id: &str) -> Result<Option<Instance>, EngineError> {
        let answer = self.client().await.describe_db_instances().db_instance_identifier(id).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed("rds:DescribeDBInstances", aws::reason(&error))),
        };
        let found = answer.db_instances.unwrap_or_default().into_iter().next();
        Ok(found.and_then(|found| {
            let endpoint = found.endpoint?;
            Some(Instance {
                host: endpoint.address?,
                port: u16::try_from(endpoint.port?).ok()?,
                replicas: found.read_replica_db_instance_identifiers.unwrap_or_default(),
            })
        }))
    }

    async fn cluster(&self, id: &str) -> Result<Option<Cluster>, EngineError> {
        let answer = self.client().await.describe_db_clusters().db_cluster_identifier(id).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed("rds:DescribeDBClusters", aws::reason(&error))),
        };
        let found = answer.db_clusters.unwrap_or_default().into_iter().next();
        Ok(found.and_then(|found| {
            let mut endpoints = found.custom_endpoints.unwrap_or_default();
            endpoints.extend(found.reader_endpoint);
            let members = found.db_cluster_members.unwrap_or_default();
            Some(Cluster {
                host: found.endpoint?,
                port: u16::try_from(found.port?).ok()?,
                endpoints,
                members: members.into_iter().filter_map(|member| member.db_instance_identifier).collect(),
            })
        }))
    }
}

fn is_absent<E: ProvideErrorMetadata, R>(error: &aws_sdk_rds::error::SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    matches!(code, Some("DBInstanceNotFound" | "DBInstanceNotFoundFault" | "DBClusterNotFoundFault"))
}

fn failed(operation: &'static str, reason: String) -> EngineError {
    EngineError::Api { operation, reason }
}
