//! The access keys of IAM users. Each rotation takes its time, for a pending version that might be there is waited for; so each
//! action has a function of its own, and they go on at once.

use std::time::Duration;

use futures::future::join_all;
use rekey_tests::aws::{ACCOUNT, User};
use rekey_tests::eventually::eventually;
use rekey_tests::rotated::Rotated;
use rekey_tests::stack::Stack;
use serde_json::json;

use super::function::Function;
use super::{Row, Seen, rows};
use crate::fixture::Values;

/// A try after one that may have made a key looks for its version for 20 s, and there are two of those.
const PATIENCE: Duration = Duration::from_secs(90);

/// A user, its secret, and the function that may make keys for it.
struct Keys {
    stack: &'static Stack,
    function: Function,
    secret: Rotated,
    user: String,
}

fn document(user: &str, key: &User) -> String {
    json!({"username": user, "aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret_key}).to_string()
}

impl Keys {
    async fn create(stack: &'static Stack, values: &Values, number: usize) -> Self {
        let (aws, name, user) = (stack.aws.caller(), format!("least-iam-{number}"), format!("least-keys-{number}"));
        let users = vec![format!("arn:aws:iam::{ACCOUNT}:user/least/*")];
        let function = Function::create(stack, &name, "iam", &[("UserArns", users)], &json!({})).await.unwrap();
        aws.call("iam.CreateUser", &json!({"UserName": user, "Path": "/least/"})).await.unwrap();
        let key = aws.create_access_key(&user).await.unwrap();
        values.add(&key.secret_key);
        let secret = format!("least/iam-{number}");
        let secret = Rotated::create(&stack.aws, &secret, &document(&user, &key), &[], &function.arn()).await.unwrap();
        Self { stack, function, secret, user }
    }

    /// As after a rotation: a second key is in force, and the first one is the previous version's.
    async fn second_key(&self, values: &Values) {
        let aws = self.stack.aws.caller();
        let key = aws.create_access_key(&self.user).await.unwrap();
        values.add(&key.secret_key);
        let put = json!({"SecretId": self.secret.arn(), "SecretString": document(&self.user, &key)});
        aws.call("secretsmanager.PutSecretValue", &put).await.unwrap();
    }

    /// A key that no version holds, as a crash between making and storing it leaves it: it was made, and may not be stored.
    async fn orphan(&self, row: &Row) {
        let store = rows("rotated-secrets").find(|row| row.action == "secretsmanager:PutSecretValue").unwrap();
        let Seen::Step(step) = store.seen else { panic!("{store:?} fails no step") };
        self.function.may_not(&[row, store]).await;
        let begin = async || self.secret.begin(true).await;
        let version = eventually("RotateSecret to begin", PATIENCE, begin).await.unwrap();
        self.function.fails(store, step, &self.secret, &version, PATIENCE).await;
        // The next try meets it.
        self.function.may_not(&[row]).await;
        self.function.fails(row, step, &self.secret, &version, PATIENCE).await;
        self.function.may_not(&[]).await;
        self.secret.resume(&version, PATIENCE).await.unwrap();
    }
}

async fn shows(stack: &'static Stack, values: &Values, number: usize, row: &'static Row) {
    let keys = Keys::create(stack, values, number).await;
    match row.action {
        "iam:UpdateAccessKey" | "iam:DeleteAccessKey" => keys.second_key(values).await,
        "iam:GetAccessKeyLastUsed" => return keys.orphan(row).await,
        _ => {}
    }
    keys.function.shows(row, &keys.secret, PATIENCE).await;
}

/// All rows of the function for IAM users.
pub async fn iam(stack: &'static Stack, values: &Values) {
    join_all(rows("iam").enumerate().map(|(number, row)| shows(stack, values, number, row))).await;
}
