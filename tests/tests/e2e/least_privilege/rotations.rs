//! The functions: each has its policy changed while it rotates a secret, or sends a heartbeat.

use std::time::Duration;

use rekey_tests::aws::{ACCOUNT, REGION};
use rekey_tests::postgres::{ADMIN, Postgres};
use rekey_tests::rotated::Rotated;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use super::function::Function;
use super::{Seen, here, keys, rows};
use crate::fixture::{self, Values};

const SOON: Duration = Duration::from_secs(30);

/// What every rotation function may do: by the one for secrets of no service.
async fn generic(stack: &'static Stack, values: &Values) {
    let function = Function::create(stack, "least-generic", "generic", &[], &json!({})).await.unwrap();
    let secret = Rotated::create(&stack.aws, "least/generic", &values.fresh(), &[], &function.arn()).await.unwrap();
    // It knows no log-in that could be refused, and so looks at no version without labels.
    let of_all = rows("rotated-secrets").filter(|row| matches!(row.seen, Seen::Step(_)));
    for row in of_all.chain(rows("rotation")) {
        function.shows(row, &secret, SOON).await;
        values.add(&secret.value().await.unwrap());
    }
    let logged = stack.aws.lambda_log().mark();
    let version = secret.begin(true).await.unwrap();
    secret.resume(&version, SOON).await.unwrap();
    values.add(&secret.value().await.unwrap());
    let said = stack.aws.lambda_log().text_since(logged).unwrap();
    assert!(!said.lines().any(|line| line.contains("least-generic") && line.contains("is not announced")), "{said}");
}

/// A user of PostgreSQL with a database of its own, and the value of its secret.
async fn user(postgres: &Postgres, values: &Values, name: &str) -> Value {
    let password = values.fresh();
    postgres.create_role_and_database(name, &password, name).await.unwrap();
    json!({
        "engine": "postgres", "host": postgres.host(), "port": postgres.port(), "sslrootcert": postgres.ca_pem(),
        "username": name, "password": password, "dbname": name,
    })
}

/// The superuser's secret as RDS keeps it, with nothing but the tag to say of which database. Returns its ARN.
async fn master(stack: &Stack, name: &str, tag: &str, database: &str) -> String {
    let value = json!({"username": ADMIN, "password": stack.postgres.admin_password()}).to_string();
    let create = json!({
        "Name": format!("least/{name}"), "SecretString": value,
        "Tags": [{"Key": tag, "Value": format!("arn:aws:rds:{REGION}:{ACCOUNT}:{database}")}],
    });
    let made = stack.aws.caller().call("secretsmanager.CreateSecret", &create).await.unwrap();
    made["ARN"].as_str().unwrap().to_owned()
}

/// An instance and a cluster of the local RDS, which runs neither and says that they are where our server is.
async fn databases(stack: &Stack) {
    let aws = stack.aws.caller();
    let port = stack.postgres.port().to_string();
    let owner = json!({"MasterUsername": ADMIN, "MasterUserPassword": "of nobody's concern"});
    let create = async |operation: &str, parameters: Value| {
        let mut all = owner.clone();
        all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        aws.call(operation, &all).await.unwrap();
    };
    let instance = json!({
        "DBInstanceIdentifier": "least", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "Port": port,
    });
    create("rds.CreateDBInstance", instance).await;
    let cluster = json!({"DBClusterIdentifier": "least", "Engine": "aurora-postgresql", "Port": port});
    create("rds.CreateDBCluster", cluster).await;
    // A cluster without an instance is at no address.
    let member = json!({
        "DBInstanceIdentifier": "least-member", "DBClusterIdentifier": "least", "DBInstanceClass": "db.t4g.medium",
        "Engine": "aurora-postgresql",
    });
    create("rds.CreateDBInstance", member).await;
}

/// Masters, and what a rotation that was cancelled has left.
async fn postgres(stack: &'static Stack, values: &Values) {
    let masters = vec![format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:least/master-*")];
    let placeholders = [("MasterSecretArns", masters)];
    let function = Function::create(stack, "least-postgres", "postgres", &placeholders, &json!({})).await.unwrap();
    databases(stack).await;
    let through = async |name: &str, tag: &str, database: &str| {
        let mut value = user(&stack.postgres, values, &format!("least_{name}")).await;
        value["masterarn"] = master(stack, &format!("master-{name}"), tag, database).await.into();
        let (name, tags) = (format!("least/{name}"), [("rekey:strategy", "master")]);
        Rotated::create(&stack.aws, &name, &value.to_string(), &tags, &function.arn()).await.unwrap()
    };
    let instance = through("instance", "aws:rds:primaryDBInstanceArn", "db:least").await;
    let cluster = through("cluster", "aws:rds:primaryDBClusterArn", "cluster:least").await;
    for row in rows("masters").chain(rows("managed-masters")) {
        let secret = if row.action == "rds:DescribeDBClusters" { &cluster } else { &instance };
        function.shows(row, secret, SOON).await;
    }

    let (aws, forgotten) = (stack.aws.caller(), user(&stack.postgres, values, "least_forgotten").await);
    let mut current = forgotten.clone();
    current["password"] = values.fresh().into();
    let (current, lambda) = (current.to_string(), function.arn());
    let secret = Rotated::create(&stack.aws, "least/forgotten", &current, &[], &lambda).await.unwrap();
    // What a rotation stored and set before it was cancelled: a version that has lost its label.
    let pending = json!({
        "SecretId": secret.arn(), "SecretString": forgotten.to_string(), "VersionStages": ["AWSPENDING"],
    });
    let version = aws.call("secretsmanager.PutSecretValue", &pending).await.unwrap()["VersionId"].clone();
    let cancel = json!({"SecretId": secret.arn(), "VersionStage": "AWSPENDING", "RemoveFromVersionId": version});
    aws.call("secretsmanager.UpdateSecretVersionStage", &cancel).await.unwrap();
    for row in rows("rotated-secrets").filter(|row| matches!(row.seen, Seen::Warning(_))) {
        function.shows(row, &secret, SOON).await;
    }
    for secret in [&instance, &cluster, &secret] {
        let value: Value = serde_json::from_str(&secret.value().await.unwrap()).unwrap();
        values.add(value["password"].as_str().unwrap());
    }
}

/// A user of ElastiCache. (The local AWS has no MemoryDB.)
async fn elasticache(stack: &'static Stack, values: &Values) {
    let user = here("elasticache", "user:least-user");
    let placeholders = [("CacheUserArns", user.clone())];
    let function =
        Function::create(stack, "least-elasticache", "elasticache", &placeholders, &json!({})).await.unwrap();
    let password = values.fresh();
    let create = json!({
        "UserId": "least-user", "UserName": "app", "Engine": "redis", "AccessString": "on ~* +@all",
        "Passwords.member.1": password,
    });
    stack.aws.caller().call("elasticache.CreateUser", &create).await.unwrap();
    let value = json!({"username": "app", "password": password, "user_arn": user[0]}).to_string();
    let tags = [("rekey:user-arn", user[0].as_str())];
    let secret = Rotated::create(&stack.aws, "least/cache", &value, &tags, &function.arn()).await.unwrap();
    for row in rows("elasticache") {
        function.shows(row, &secret, SOON).await;
    }
}

/// Canaries of our own, whose events are no heartbeats to any agent.
async fn heartbeat(stack: &'static Stack) {
    let aws = stack.aws.caller();
    let create = json!({"Name": "least/canary", "SecretString": "{\"canary\":\"0\"}"});
    let secret = aws.call("secretsmanager.CreateSecret", &create).await.unwrap()["ARN"].as_str().unwrap().to_owned();
    let parameter = json!({"Name": "/least/canary", "Type": "String", "Value": "0"});
    aws.call("ssm.PutParameter", &parameter).await.unwrap();
    let placeholders =
        [("CanarySecretArn", vec![secret.clone()]), ("CanaryParameterArn", here("ssm", "parameter/least/canary"))];
    let variables = json!({"CANARY_SECRET_ID": secret, "CANARY_PARAMETER": "/least/canary"});
    let function = Function::create(stack, "least-heartbeat", "heartbeat", &placeholders, &variables).await.unwrap();
    // In the order of the table: the second version is written once, and from then on they change places.
    for row in rows("heartbeat") {
        let Seen::Heartbeat(kind) = row.seen else { panic!("{row:?} is no heartbeat's") };
        function.may_not(&[row]).await;
        let failed = function.invoke().await;
        let said = failed["errorMessage"].as_str().unwrap_or_default();
        assert_eq!(failed["errorType"], kind, "{}: {failed}", row.feature);
        let part = format!("{} failed (AccessDenied", row.action);
        assert!(said.contains(&part) && said.contains("the function's role"), "{}: {said}", row.feature);
        function.may_not(&[]).await;
        // The first row gives back before there is a second version, which the next one is about.
        if row.action != "secretsmanager:DescribeSecret" {
            assert_eq!(function.invoke().await, Value::Null, "{}", row.feature);
        }
    }
}

#[tokio::test]
async fn a_function_that_lacks_an_action_names_it_and_goes_on_when_it_has_it() {
    let (stack, rekey, values) = fixture::rekey().await;
    tokio::join!(
        generic(stack, values),
        postgres(stack, values),
        elasticache(stack, values),
        heartbeat(stack),
        keys::iam(stack, values),
    );
    values.are_in_no_log(stack, rekey);
}
