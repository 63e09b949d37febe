//! Which Secrets and ConfigMaps a pod template uses, and through which container.
//!
//! These forms count: a mounted volume of one, a mounted projected volume, `env` and `envFrom`, in containers and
//! init containers. Everything else (image pull secrets, ephemeral containers, drivers' own secret references) does
//! not, as with Stakater Reloader; such resources can be named in the list. Keys, items and `optional` make no difference.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

use super::resource::ResourceName;

/// The resources of a pod template, each with the container that stands for it in the marker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    containers: BTreeMap<ResourceName, String>,
    first_container: Option<String>,
}

impl References {
    /// Reads a pod template. Without containers there are no references: there is nothing to restart.
    #[must_use]
    pub fn of(pod: &PodSpec) -> Self {
        let Some(first) = pod.containers.first() else { return Self::default() };
        let volumes = pod.volumes.as_deref().unwrap_or_default();
        let inits = pod.init_containers.as_deref().unwrap_or_default();

        let mut containers = BTreeMap::new();
        // In Stakater's order of precedence; the first container found for a resource stays.
        let mut found = |container: &Container, carrier: &Container, names: fn(&Container, &[Volume]) -> Names| {
            for name in names(container, volumes) {
                containers.entry(name).or_insert_with(|| carrier.name.clone());
            }
        };
        for names in [mounted, environment] {
            for container in &pod.containers {
                found(container, container, names);
            }
            for init in inits {
                found(init, first, names);
            }
        }
        Self { containers, first_container: Some(first.name.clone()) }
    }

    /// The container that uses this resource; an init container is represented by the first container.
    #[must_use]
    pub fn container_of(&self, resource: &ResourceName) -> Option<&str> {
        self.containers.get(resource).map(String::as_str)
    }

    /// The container that carries the marker of a resource that is named but not referenced.
    #[must_use]
    pub fn first_container(&self) -> Option<&str> {
        self.first_container.as_deref()
    }

    /// All resources that are referenced, in order.
    pub fn resources(&self) -> impl Iterator<Item = &ResourceName> {
        self.containers.keys()
    }
}

type Names = BTreeSet<ResourceName>;

fn mounted(container: &Container, volumes: &[Volume]) -> Names {
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let mounted = volumes.iter().filter(|volume| mounts.iter().any(|mount| mount.name == volume.name));
    named(mounted.flat_map(in_volume))
}

fn in_volume(volume: &Volume) -> Vec<ResourceName> {
    let secret = volume.secret.iter().filter_map(|secret| secret.secret_name.as_ref()).map(ResourceName::secret);
    let config_map = volume.config_map.iter().map(|config_map| ResourceName::config_map(&config_map.name));
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let projected = projected.flat_map(|source| {
        let secret = source.secret.iter().map(|secret| ResourceName::secret(&secret.name));
        secret.chain(source.config_map.iter().map(|config_map| ResourceName::config_map(&config_map.name)))
    });
    secret.chain(config_map).chain(projected).collect()
}

fn environment(container: &Container, _: &[Volume]) -> Names {
    let variables = container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
    let variables = variables.flat_map(|source| {
        let secret = source.secret_key_ref.iter().map(|secret| ResourceName::secret(&secret.name));
        secret.chain(source.config_map_key_ref.iter().map(|config_map| ResourceName::config_map(&config_map.name)))
    });
    let whole = container.env_from.iter().flatten().flat_map(|source| {
        let secret = source.secret_ref.iter().map(|secret| ResourceName::secret(&secret.name));
        secret.chain(source.config_map_ref.iter().map(|config_map| ResourceName::config_map(&config_map.name)))
    });
    named(variables.chain(whole))
}

/// The API server lets names be empty that have to be there.
fn named(resources: impl Iterator<Item = ResourceName>) -> Names {
    resources.filter(|resource| !resource.name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn references(pod: Value) -> References {
        References::of(&serde_json::from_value::<PodSpec>(pod).unwrap())
    }

    fn carrier(pod: Value, secret: &str) -> Option<String> {
        references(pod).container_of(&ResourceName::secret(secret)).map(str::to_owned)
    }

    fn volume(name: &str, secret: &str) -> Value {
        json!({"name": name, "secret": {"secretName": secret}})
    }

    #[test]
    fn every_form_that_counts() {
        let mount = json!([{"name": "v", "mountPath": "/v"}]);
        let parts = json!([{"name": "v", "mountPath": "/v", "subPath": "k", "readOnly": true}]);
        let some = json!({"name": "v", "secret": {"secretName": "s", "optional": true, "defaultMode": 256,
                                                  "items": [{"key": "k", "path": "p"}]}});
        let env = json!([{"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}}]);
        let env_from = json!([{"secretRef": {"name": "s", "optional": true}}]);
        let projected =
            json!({"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}});
        for (form, pod) in [
            ("volume", json!({"containers": [{"name": "c", "volumeMounts": mount}], "volumes": [volume("v", "s")]})),
            ("projected", json!({"containers": [{"name": "c", "volumeMounts": mount}], "volumes": [projected]})),
            ("env", json!({"containers": [{"name": "c", "env": env}]})),
            ("envFrom", json!({"containers": [{"name": "c", "envFrom": env_from}]})),
            ("some of its keys", json!({"containers": [{"name": "c", "volumeMounts": parts}], "volumes": [some]})),
            (
                "sidecar",
                json!({"containers": [{"name": "c"}],
                       "initContainers": [{"name": "i", "restartPolicy": "Always", "envFrom": env_from}]}),
            ),
            (
                "init volume",
                json!({"containers": [{"name": "c"}], "initContainers": [{"name": "i", "volumeMounts": mount}],
                       "volumes": [volume("v", "s")]}),
            ),
            ("init env", json!({"containers": [{"name": "c"}], "initContainers": [{"name": "i", "env": env}]})),
            (
                "init envFrom",
                json!({"containers": [{"name": "c"}], "initContainers": [{"name": "i", "envFrom": env_from}]}),
            ),
        ] {
            assert_eq!(carrier(pod, "s").as_deref(), Some("c"), "{form}");
        }
    }

    #[test]
    fn config_maps_are_used_in_the_same_forms_and_are_not_secrets() {
        let mount = json!([{"name": "v", "mountPath": "/v"}]);
        let env = json!([{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}}]);
        let env_from = json!([{"configMapRef": {"name": "s"}}]);
        let direct = json!({"name": "v", "configMap": {"name": "s"}});
        let projected = json!({"name": "v", "projected": {"sources": [{"configMap": {"name": "s"}}]}});
        for (form, pod) in [
            ("volume", json!({"containers": [{"name": "c", "volumeMounts": mount}], "volumes": [direct]})),
            ("projected", json!({"containers": [{"name": "c", "volumeMounts": mount}], "volumes": [projected]})),
            ("env", json!({"containers": [{"name": "c", "env": env}]})),
            ("envFrom", json!({"containers": [{"name": "c", "envFrom": env_from}]})),
        ] {
            let references = references(pod);
            assert_eq!(references.container_of(&ResourceName::config_map("s")), Some("c"), "{form}");
            assert_eq!(references.container_of(&ResourceName::secret("s")), None, "{form}");
        }
    }

    #[test]
    fn every_form_that_does_not_count() {
        let mounting = |mut volume: Value| {
            volume["name"] = json!("v");
            json!({"containers": [{"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}], "volumes": [volume]})
        };
        for (form, pod) in [
            ("unmounted volume", json!({"containers": [{"name": "c"}], "volumes": [volume("v", "s")]})),
            ("image pull secret", json!({"containers": [{"name": "c"}], "imagePullSecrets": [{"name": "s"}]})),
            (
                "ephemeral container",
                json!({"containers": [{"name": "c"}],
                       "ephemeralContainers": [{"name": "e", "envFrom": [{"secretRef": {"name": "s"}}]}]}),
            ),
            ("driver's secret", mounting(json!({"csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}}))),
            ("Azure's secret", mounting(json!({"azureFile": {"secretName": "s", "shareName": "f"}}))),
            ("Ceph's secret", mounting(json!({"cephfs": {"monitors": [], "secretRef": {"name": "s"}}}))),
            ("RBD's secret", mounting(json!({"rbd": {"monitors": [], "image": "i", "secretRef": {"name": "s"}}}))),
            ("flex secret", mounting(json!({"flexVolume": {"driver": "d", "secretRef": {"name": "s"}}}))),
            (
                "provider class",
                mounting(json!({"csi": {"driver": "d", "volumeAttributes": {"secretProviderClass": "s"}}})),
            ),
            ("a volume without a name of one", mounting(json!({"secret": {}}))),
            ("config map", json!({"containers": [{"name": "c", "envFrom": [{"configMapRef": {"name": "s"}}]}]})),
            (
                "no containers",
                json!({"containers": [], "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "s"}}]}]}),
            ),
        ] {
            assert_eq!(carrier(pod, "s"), None, "{form}");
        }
    }

    #[test]
    fn a_second_volume_of_the_same_secret_counts_too() {
        let pod = json!({"containers": [{"name": "c", "volumeMounts": [{"name": "w", "mountPath": "/w"}]}],
                         "volumes": [volume("v", "s"), volume("w", "s")]});
        assert_eq!(carrier(pod, "s").as_deref(), Some("c"));
    }

    #[test]
    fn a_mount_beats_the_environment_also_that_of_an_init_container() {
        let mount = json!([{"name": "v", "mountPath": "/v"}]);
        let env_from = json!([{"secretRef": {"name": "s"}}]);
        let both = json!({"containers": [{"name": "a"}, {"name": "b", "envFrom": env_from}, {"name": "c", "volumeMounts": mount}],
                          "volumes": [volume("v", "s")]});
        assert_eq!(carrier(both, "s").as_deref(), Some("c"));
        let init = json!({"containers": [{"name": "a"}, {"name": "b", "envFrom": env_from}],
                          "initContainers": [{"name": "i", "volumeMounts": mount}], "volumes": [volume("v", "s")]});
        assert_eq!(carrier(init, "s").as_deref(), Some("a"));
        let init = json!({"containers": [{"name": "a"}, {"name": "b", "envFrom": env_from}],
                          "initContainers": [{"name": "i", "envFrom": env_from}]});
        assert_eq!(carrier(init, "s").as_deref(), Some("b"));
    }

    #[test]
    fn names_are_listed_once_and_the_first_container_is_known() {
        let pod = json!({"containers": [{"name": "a", "envFrom": [{"secretRef": {"name": "t"}}, {"secretRef": {"name": "s"}}]},
                                        {"name": "b", "envFrom": [{"secretRef": {"name": "s"}}]}]});
        let references = references(pod);
        assert_eq!(references.resources().map(|resource| resource.name.as_str()).collect::<Vec<_>>(), ["s", "t"]);
        assert_eq!(references.first_container(), Some("a"));
    }
}
