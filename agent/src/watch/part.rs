//! What one watch shows of a kind: all objects of the cluster, those of a namespace, or a single one.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Config;
use kube::{Api, Client, Resource};
use rekey_core::extent::Extent;

use super::lists::Awaited;

/// Secrets or ConfigMaps that are listed at a time; of other kinds the client takes 500. A page is held as it came and as it
/// was read, each may have 1 MiB, both kinds are listed together, and Helm keeps its releases in large ones.
pub const PAGE_OF_DATA: u32 = 50;

/// See the module's head.
#[derive(Clone)]
pub struct Part<K> {
    /// What it lists and watches.
    pub api: Api<K>,
    /// How.
    pub config: Config,
    /// What is there once it was listed.
    pub awaited: Awaited,
}

/// Of every namespace that the agent looks at.
pub fn namespaced<K>(client: &Client, extent: &Extent, kind: &'static str) -> Vec<Part<K>>
where
    K: Resource<DynamicType: Default, Scope = NamespaceResourceScope>,
{
    if extent.is_whole() {
        return cluster(client, extent, kind);
    }
    let part = |namespace: &str| Part {
        api: Api::namespaced(client.clone(), namespace),
        config: config(kind),
        awaited: Awaited { kind, namespace: Some(namespace.into()) },
    };
    extent.namespaces().map(part).collect()
}

/// Of the whole cluster.
pub fn cluster<K: Resource<DynamicType: Default>>(client: &Client, _: &Extent, kind: &'static str) -> Vec<Part<K>> {
    vec![Part { api: Api::all(client.clone()), config: config(kind), awaited: kind.into() }]
}

/// The namespaces themselves. A right to watch them can name them, if the watch does.
pub fn namespaces(client: &Client, extent: &Extent, kind: &'static str) -> Vec<Part<PartialObjectMeta<Namespace>>> {
    if extent.is_whole() {
        return cluster(client, extent, kind);
    }
    let part = |name: &str| Part {
        api: Api::all(client.clone()),
        config: config(kind).fields(&format!("metadata.name={name}")),
        awaited: Awaited { kind, namespace: Some(name.into()) },
    };
    extent.namespaces().map(part).collect()
}

fn config(kind: &str) -> Config {
    match kind {
        "secrets" | "configmaps" => Config::default().page_size(PAGE_OF_DATA),
        _ => Config::default(),
    }
}
