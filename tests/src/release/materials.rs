//! The bill of materials of a program: CycloneDX 1.5, from what cargo says it is linked of.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::image::About;
use crate::process::Spec;

/// Of the crate `name` of this workspace, for this machine's processor.
pub(super) async fn bill(name: &str, about: &About, logs: &Path) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = Spec::new("cargo metadata", cargo, logs.join("metadata.log"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform])
        .directory(crate::repository());
    let metadata: Value = serde_json::from_str(&metadata.stdout().await?).context("cargo metadata is no JSON")?;
    linked(&metadata, name, about).with_context(|| format!("cargo metadata knows no {name}"))
}

/// What `name` is linked of, by the graph that cargo has resolved: no build scripts, nothing that only tests use.
fn linked(metadata: &Value, name: &str, about: &About) -> Option<Value> {
    let id = |value: &Value| value["id"].as_str().map(str::to_owned);
    let packages: BTreeMap<String, &Value> =
        metadata["packages"].as_array()?.iter().filter_map(|package| Some((id(package)?, package))).collect();
    let nodes: BTreeMap<String, &Value> =
        metadata["resolve"]["nodes"].as_array()?.iter().filter_map(|node| Some((id(node)?, node))).collect();
    let (root, program) = packages.iter().find(|(_, package)| package["name"] == name)?;
    let needs = |node: &str| -> BTreeSet<String> {
        let all = nodes.get(node).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let normal = all.filter(|needed| {
            needed["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
        });
        normal.filter_map(|needed| needed["pkg"].as_str().map(str::to_owned)).collect()
    };
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(next) = open.pop() {
        if let Entry::Vacant(place) = graph.entry(next) {
            let needed = needs(place.key());
            open.extend(needed.iter().cloned());
            place.insert(needed);
        }
    }
    let reference = |id: &str| packages.get(id).map(|package| purl(package));
    let components: Vec<Value> = graph
        .keys()
        .filter(|id| *id != root)
        .filter_map(|id| packages.get(id))
        .map(|package| component(package, "library"))
        .collect();
    let dependencies: Vec<Value> = graph
        .iter()
        .map(|(id, needed)| json!({"ref": reference(id), "dependsOn": needed.iter().filter_map(|id| reference(id)).collect::<Vec<_>>()}))
        .collect();
    Some(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": about.created.to_string(), "component": component(program, "application")},
        "components": components, "dependencies": dependencies,
    }))
}

fn component(package: &Value, kind: &str) -> Value {
    let mut component = json!({
        "type": kind, "bom-ref": purl(package), "name": package["name"], "version": package["version"], "purl": purl(package),
    });
    if let Some(licence) = package["license"].as_str() {
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    component
}

/// <https://github.com/package-url/purl-spec>
fn purl(package: &Value) -> String {
    format!(
        "pkg:cargo/{}@{}",
        package["name"].as_str().unwrap_or_default(),
        package["version"].as_str().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_linked_is_listed() {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let needs = |pkg: &str, kind: Value| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("agent"), package("used"), package("below"), package("tested"), package("built")],
            "resolve": {"nodes": [
                {"id": "agent", "deps": [needs("used", Value::Null), needs("tested", json!("dev")), needs("built", json!("build"))]},
                {"id": "used", "deps": [needs("below", Value::Null)]},
                {"id": "below", "deps": []}, {"id": "tested", "deps": []}, {"id": "built", "deps": []},
            ]},
        });
        let about =
            About { version: "1.0.0".to_owned(), revision: "abc".to_owned(), created: jiff::Timestamp::UNIX_EPOCH };
        let bill = linked(&metadata, "agent", &about).unwrap();
        let names: Vec<_> =
            bill["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["below", "used"]);
        assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(
            bill["dependencies"][0],
            json!({"ref": "pkg:cargo/agent@1.0.0", "dependsOn": ["pkg:cargo/used@1.0.0"]})
        );
        assert!(linked(&metadata, "unknown", &about).is_none());
    }
}
