//! The container image, made of the very program that all the other tests run.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use rekey_tests::image::{self, About};
use rekey_tests::process::Spec;
use rekey_tests::{agent, random_word};
use serde_json::Value;

/// The files of a tar by their names, without directories.
fn files(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.header().entry_type().is_file())
        .map(|mut entry| {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        })
        .collect()
}

/// A blob of the layout, which is what its digest says.
fn blob<'a>(layout: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
    let digest = descriptor["digest"].as_str().unwrap();
    let bytes = &layout[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!((image::digest(bytes).as_str(), descriptor["size"].as_u64()), (digest, Some(bytes.len() as u64)));
    bytes
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

async fn made(program: &Path, directory: &Path) -> Vec<u8> {
    let archive = directory.join(format!("image-{}.tar", random_word(6)));
    image::write(program, &archive, &About::this_tree(directory).await.unwrap()).unwrap();
    std::fs::read(archive).unwrap()
}

#[tokio::test]
async fn the_image_holds_the_agent_and_certificates_and_nothing_else() {
    let stack = crate::stack().await;
    let directory = stack.join("image").unwrap();
    let program = agent::program(stack.directory()).await.unwrap();
    let archive = made(&program, &directory).await;
    assert_eq!(archive, made(&program, &directory).await, "the same tree makes the same bytes");

    let layout = files(&archive);
    assert_eq!(json(&layout["oci-layout"])["imageLayoutVersion"], "1.0.0");
    let index = json(&layout["index.json"]);
    let manifest = json(blob(&layout, &index["manifests"][0]));
    let config = json(blob(&layout, &manifest["config"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/rekey-agent"]));
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));

    let root = directory.join("root");
    let mut content = Vec::new();
    let diffs = config["rootfs"]["diff_ids"].as_array().unwrap();
    for (layer, diff) in manifest["layers"].as_array().unwrap().iter().zip(diffs) {
        let mut tar = Vec::new();
        GzDecoder::new(blob(&layout, layer)).read_to_end(&mut tar).unwrap();
        assert_eq!(*diff, image::digest(&tar));
        content.extend(files(&tar).into_keys());
        tar::Archive::new(tar.as_slice()).unpack(&root).unwrap();
    }
    assert_eq!(content, ["etc/ssl/certs/ca-certificates.crt", "rekey-agent"]);

    // With nothing around it but what is in the image.
    let run = Spec::new("rekey-agent", "unshare", directory.join("log")).arg("--map-root-user");
    let said =
        run.arg(format!("--root={}", root.display())).args(["/rekey-agent", "--version"]).stdout().await.unwrap();
    assert_eq!(said.trim(), concat!("rekey-agent ", env!("CARGO_PKG_VERSION")));
}
