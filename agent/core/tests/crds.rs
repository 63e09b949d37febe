//! The chart's CRDs are what the Rust types say.
//!
//! `REKEY_BLESS=1 cargo test -p rekey-core --test crds` writes the files anew.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of an integration test for code of their own")]

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rekey_core::resource::crd::crds;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/chart/files/crds")
}

fn render(crd: &CustomResourceDefinition) -> String {
    // Through serde_json's sorted maps, so that the order of keys is the alphabet's and not the libraries'.
    let value = serde_json::to_value(crd).unwrap();
    format!(
        "# Generated from agent/core/src/resource by its test crds.rs; do not edit.\n{}",
        serde_yaml_ng::to_string(&value).unwrap()
    )
}

#[test]
fn the_charts_crds_are_made_from_the_types() {
    let bless = std::env::var_os("REKEY_BLESS").is_some();
    let mut expected = Vec::new();
    for crd in crds() {
        let path = folder().join(format!("{}.yaml", crd.spec.names.plural));
        let rendered = render(&crd);
        if bless {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, &rendered).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == rendered,
            "{} is not what agent/core/src/resource says; run: REKEY_BLESS=1 cargo test -p rekey-core --test crds",
            path.display()
        );
        expected.push(path.file_name().unwrap().to_owned());
    }
    let mut present: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    present.sort();
    expected.sort();
    assert_eq!(present, expected, "files that no type stands behind");
}

/// The API server refuses a schema that breaks one of these rules only when the CRD is applied, or drops what it does not know.
#[test]
fn schemas_are_structural_and_free_of_rust() {
    for crd in crds() {
        let versions: Vec<_> = crd.spec.versions.iter().map(|v| (v.name.as_str(), v.served, v.storage)).collect();
        assert_eq!(versions, [("v1", true, true), ("v1beta1", true, false)]);
        for version in &crd.spec.versions {
            let schema = serde_json::to_value(version.schema.as_ref().unwrap()).unwrap();
            walk(&schema["openAPIV3Schema"], &format!("{} {}", crd.spec.names.kind, version.name));
        }
    }
}

fn walk(schema: &Value, at: &str) {
    for word in ["anyOf", "oneOf", "allOf", "$ref", "definitions"] {
        assert!(schema.get(word).is_none(), "{at}: {word}");
    }
    assert!(
        schema.get("type").is_some() || schema.get("x-kubernetes-int-or-string").is_some(),
        "{at}: no type, so the API server would not know what to keep"
    );
    if let Some(format) = schema.get("format").and_then(Value::as_str) {
        assert!(
            ["int32", "int64", "date-time"].contains(&format),
            "{at}: the API server does not know the format {format}"
        );
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        walk(property, &format!("{at}.{name}"));
    }
    for below in ["items", "additionalProperties"] {
        if let Some(property) = schema.get(below).filter(|property| property.is_object()) {
            walk(property, &format!("{at}.{below}"));
        }
    }
}
