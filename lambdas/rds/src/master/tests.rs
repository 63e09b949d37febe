use std::collections::BTreeMap;

use rekey_rotation::plan::Tags;

use super::*;
use crate::directory::{Cluster, Instance};

#[derive(Default)]
struct Rds {
    instances: BTreeMap<&'static str, Instance>,
    clusters: BTreeMap<&'static str, Cluster>,
}

impl Directory for Rds {
    async fn instance(&self, id: &str) -> Result<Option<Instance>, EngineError> {
        Ok(self.instances.get(id).cloned())
    }

    async fn cluster(&self, id: &str) -> Result<Option<Cluster>, EngineError> {
        Ok(self.clusters.get(id).cloned())
    }
}

const CLUSTER: &str = "shop.cluster-abc.eu-west-1.rds.amazonaws.com";
const READER: &str = "shop.cluster-ro-abc.eu-west-1.rds.amazonaws.com";
const MEMBER: &str = "shop-1.abc.eu-west-1.rds.amazonaws.com";
const SINGLE: &str = "one.abc.eu-west-1.rds.amazonaws.com";
const REPLICA: &str = "one-copy.abc.eu-west-1.rds.amazonaws.com";

fn rds() -> Rds {
    let instance = |host: &str, replicas: &[&str]| Instance {
        host: host.to_owned(),
        port: 5433,
        replicas: replicas.iter().map(|&id| id.to_owned()).collect(),
    };
    let cluster = Cluster {
        host: CLUSTER.to_owned(),
        port: 5434,
        endpoints: vec![READER.to_owned()],
        members: vec!["shop-1".to_owned()],
    };
    Rds {
        instances: [
            ("one", instance(SINGLE, &["one-copy", "arn:aws:rds:us-east-1:1:db:far"])),
            ("arn:one", instance(SINGLE, &["one-copy"])),
            ("one-copy", instance(REPLICA, &[])),
            ("shop-1", instance(MEMBER, &[])),
        ]
        .into(),
        clusters: [("shop", cluster.clone()), ("arn:shop", cluster)].into(),
    }
}

async fn ask(current_host: &str, master_text: &str, tag: Option<(&str, &str)>) -> Result<SecretDocument, EngineError> {
    let document = |text: &str| SecretDocument::parse(text.to_owned().into()).unwrap();
    let current = document(&format!(r#"{{"host":"{current_host}","dbname":"d","ssl":true,"sslrootcert":"pem"}}"#));
    let tags: Tags = tag.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
    master(&rds(), &current, Master { document: document(master_text), tags }, 5432).await
}

#[tokio::test]
async fn a_managed_secret_is_completed_from_its_tag() {
    let managed = r#"{"username":"m","password":"p"}"#;
    let found = ask(SINGLE, managed, Some(("aws:rds:primaryDBInstanceArn", "arn:one"))).await.unwrap();
    assert_eq!(
        found.expose(),
        format!(
            r#"{{"username":"m","password":"p","host":"{SINGLE}","port":"5433","ssl":"true","dbname":"d","sslrootcert":"pem"}}"#
        )
    );
    let found = ask(CLUSTER, managed, Some(("aws:rds:primaryDBClusterArn", "arn:shop"))).await.unwrap();
    assert_eq!(found.port("port").unwrap(), Some(5434));
}

#[tokio::test]
async fn replicas_readers_and_members_are_the_same_database() {
    let managed = r#"{"username":"m","password":"p"}"#;
    for host in [READER, MEMBER] {
        let found = ask(host, managed, Some(("aws:rds:primarydbclusterarn", "arn:shop"))).await.unwrap();
        assert_eq!(&*found.required("host").unwrap(), CLUSTER, "the master works at the writer");
    }
    for (here, there) in [(REPLICA, SINGLE), (READER, CLUSTER), (MEMBER, CLUSTER)] {
        assert!(ask(here, &format!(r#"{{"host":"{there}"}}"#), None).await.is_ok(), "{here} of {there}");
    }
    assert!(ask(&SINGLE.to_uppercase(), &format!(r#"{{"host":"{SINGLE}"}}"#), None).await.is_ok());
}

#[tokio::test]
async fn a_host_that_is_not_the_masters_gets_nothing() {
    let managed = r#"{"username":"m","password":"p"}"#;
    let cluster = Some(("aws:rds:primarydbclusterarn", "arn:shop"));
    for (host, text, tag) in [
        ("evil.example", managed, cluster),
        (SINGLE, managed, cluster),
        // A name that merely begins like the replica's.
        ("one-copy.evil.example", r#"{"host":"one.abc.eu-west-1.rds.amazonaws.com"}"#, None),
        ("evil.example", r#"{"host":"one.evil.example"}"#, None),
        (SINGLE, managed, None),
        (SINGLE, managed, Some(("aws:rds:primarydbinstancearn", "arn:gone"))),
        (SINGLE, r#"{"host":"localhost"}"#, None),
        // One name, two ports: two databases behind one load balancer.
        ("lb.example", r#"{"host":"lb.example","port":5433}"#, None),
    ] {
        let error = ask(host, text, tag).await.unwrap_err();
        assert!(matches!(error, EngineError::OtherHost(_)), "{host}: {error}");
    }
}
