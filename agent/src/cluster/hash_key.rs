//! The key of the rollout hashes, in a Secret of the agent's own namespace. The only file that writes it.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use rekey_core::rollout::hash::{HashKey, KEY_LENGTH};
use rekey_core::value::SecretValue;
use tracing::info;

use super::error::{Action, ClusterError, TIME_LIMIT, read, unguarded};

/// The Secret's name.
pub const NAME: &str = "rekey-hash-key";
/// The entry of its data.
const ENTRY: &str = "key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum HashKeyError {
    /// The API server did not do what was asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The Secret holds something else.
    #[error(
        "secret {namespace}/{NAME} holds no key of {KEY_LENGTH} bytes in its entry {ENTRY:?}; delete it: a new one is \
         made, every workload is then seen for the first time, and none is restarted"
    )]
    Malformed {
        /// The agent's namespace.
        namespace: String,
    },
}

/// Reads the key, and makes it first if there is none. When several agents start at once, one makes it and all read it.
pub async fn get_or_create(client: &kube::Client, namespace: &str) -> Result<HashKey, HashKeyError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let object = format!("secret {namespace}/{NAME}");
    let existing = read(&object, api.get_opt(NAME)).await?;
    let secret = match existing {
        Some(secret) => secret,
        // A standby needs it too, so this waits for no leader.
        None => match unguarded(TIME_LIMIT, Action::Create, &object, api.create(&PostParams::default(), &new_secret()))
            .await
        {
            Ok(secret) => {
                info!(secret = %object, "key of the rollout hashes made");
                secret
            }
            Err(error) if error.is_conflict() => read(&object, api.get(NAME)).await?,
            Err(error) => return Err(error.into()),
        },
    };
    let bytes = secret.data.unwrap_or_default().remove(ENTRY).map(|ByteString(bytes)| SecretValue::new(bytes));
    bytes
        .and_then(|bytes| HashKey::new(bytes.expose()).ok())
        .ok_or_else(|| HashKeyError::Malformed { namespace: namespace.to_owned() })
}

fn new_secret() -> Secret {
    let mut bytes = vec![0; KEY_LENGTH];
    rand::fill(bytes.as_mut_slice());
    let labels = [("app.kubernetes.io/managed-by".to_owned(), "rekey".to_owned())];
    Secret {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), labels: Some(labels.into()), ..ObjectMeta::default() },
        type_: Some("Opaque".to_owned()),
        // A changed key would be a new first sight of everything; deleting the Secret is the honest way to ask for that.
        immutable: Some(true),
        data: Some(BTreeMap::from([(ENTRY.to_owned(), ByteString(bytes))])),
        ..Secret::default()
    }
}
