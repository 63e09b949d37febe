//! A master's credential for the place that a secret names.

use rekey_rotation::engine::{EngineError, Master};
use rekey_rotation::plan::at_the_same_place;
use rekey_rotation::secret::SecretDocument;

use crate::directory::Directory;

/// Tags of secrets that RDS manages, compared as AWS's templates do: without regard to case.
const INSTANCE_TAG: &str = "aws:rds:primarydbinstancearn";
const CLUSTER_TAG: &str = "aws:rds:primarydbclusterarn";

/// The master's credential with the host where it is valid, if that is the database that `current` names.
///
/// What a managed secret leaves out comes from RDS (`host`, `port`) and from the current version (`dbname`, the fields
/// about TLS), as in AWS's templates. `default_port` is that of a secret which names none.
pub async fn master(
    directory: &impl Directory,
    current: &SecretDocument,
    master: Master,
    default_port: u16,
) -> Result<SecretDocument, EngineError> {
    let here = current.required("host")?;
    let there = master.document.text("host")?;
    if there.as_ref().is_some_and(|there| there.eq_ignore_ascii_case(&here)) {
        return at_the_same_place(current, master, Some(default_port));
    }
    let Master { document, tags } = master;
    let tag = |name: &str| tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, arn)| arn.as_str());
    let (document, database) = match (&there, tag(INSTANCE_TAG), tag(CLUSTER_TAG)) {
        (Some(there), _, _) => {
            let database = Database::with_endpoint(directory, there).await?;
            (document, database.ok_or(EngineError::OtherHost("another \"host\""))?)
        }
        (None, Some(arn), _) => {
            let found = Database::instance(directory, arn).await?.ok_or(EngineError::OtherHost("no such instance"))?;
            (complete(&document, current, &found)?, found)
        }
        (None, None, Some(arn)) => {
            let found = Database::cluster(directory, arn).await?.ok_or(EngineError::OtherHost("no such cluster"))?;
            (complete(&document, current, &found)?, found)
        }
        (None, None, None) => return Err(EngineError::OtherHost("no \"host\", and no tag of RDS")),
    };
    if database.has(directory, &here).await? { Ok(document) } else { Err(EngineError::OtherHost("another database's")) }
}

/// A database with all names it goes by.
struct Database {
    host: String,
    port: u16,
    endpoints: Vec<String>,
    /// Instances whose endpoints belong to it, too.
    instances: Vec<String>,
}

impl Database {
    async fn instance(directory: &impl Directory, id: &str) -> Result<Option<Self>, EngineError> {
        let found = directory.instance(id).await?;
        Ok(found.map(|found| Self {
            host: found.host,
            port: found.port,
            endpoints: Vec::new(),
            instances: found.replicas,
        }))
    }

    async fn cluster(directory: &impl Directory, id: &str) -> Result<Option<Self>, EngineError> {
        let found = directory.cluster(id).await?;
        Ok(found.map(|found| Self {
            host: found.host,
            port: found.port,
            endpoints: found.endpoints,
            instances: found.members,
        }))
    }

    /// The database that is reached by that name. RDS begins its host names with the identifier; that the endpoint is the
    /// whole name is what counts.
    async fn with_endpoint(directory: &impl Directory, host: &str) -> Result<Option<Self>, EngineError> {
        let Some((id, rest)) = host.split_once('.') else { return Ok(None) };
        let found = if rest.starts_with("cluster-") {
            Self::cluster(directory, id).await?
        } else {
            Self::instance(directory, id).await?
        };
        Ok(found.filter(|found| found.host.eq_ignore_ascii_case(host)))
    }

    async fn has(&self, directory: &impl Directory, host: &str) -> Result<bool, EngineError> {
        if std::iter::once(&self.host).chain(&self.endpoints).any(|endpoint| endpoint.eq_ignore_ascii_case(host)) {
            return Ok(true);
        }
        for id in &self.instances {
            // A replica in another region is named by its ARN; only its own region's API knows its host.
            if let Some(instance) = directory.instance(id).await?
                && instance.host.eq_ignore_ascii_case(host)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn complete(
    master: &SecretDocument,
    current: &SecretDocument,
    database: &Database,
) -> Result<SecretDocument, EngineError> {
    let mut whole = master.with("host", &database.host)?.with("port", &database.port.to_string())?;
    if let Some(ssl) = current.flag("ssl")? {
        whole = whole.with("ssl", if ssl { "true" } else { "false" })?;
    }
    for field in ["dbname", "sslrootcert"] {
        if let Some(text) = current.text(field)? {
            whole = whole.with(field, &text)?;
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;
