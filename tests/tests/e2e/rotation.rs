//! A rotation by the deployed Lambda function reaches the Secret and restarts what uses it, and nothing else.

use std::time::Duration;

use rekey_tests::app::{App, DatabaseUser};

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_rotation_reaches_the_pods_and_the_old_password_dies() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let app = App::create(stack, "rotation").await.unwrap();
    let lambda = rekey.deployed.output("RotationPostgresFunctionArn").unwrap();
    let user = DatabaseUser::create(&stack.aws, &stack.postgres, "rotated", lambda).await.unwrap();
    values.add(&user.first_password);
    app.external_secret("db", "aws", &user.secret, Some("password")).await.unwrap();
    app.holds("db", "value", &user.first_password, SOON).await.unwrap();
    app.deployment("uses-it", "{reloader.stakater.com/auto: 'true'}", "db").await.unwrap();
    app.deployment("names-it", "{secret.reloader.stakater.com/reload: db}", "elsewhere").await.unwrap();
    app.deployment("ignores-it", "{reloader.stakater.com/auto: 'true'}", "elsewhere").await.unwrap();
    app.deployment("unmarked", "{}", "db").await.unwrap();
    for name in ["uses-it", "names-it"] {
        app.has_baseline(name, SOON).await.unwrap();
    }
    let mut before = vec![];
    for name in ["uses-it", "names-it", "ignores-it", "unmarked"] {
        before.push(app.settled(name, SOON).await.unwrap());
    }

    let version = user.rotate(&stack.aws).await.unwrap();
    user.rotated(&stack.aws, &version, SOON).await.unwrap();
    let password = user.password(&stack.aws).await.unwrap();
    values.add(&password);
    app.holds("db", "value", &password, SOON).await.unwrap();
    for name in ["uses-it", "names-it"] {
        fixture::restarted(&app, name, before[usize::from(name == "names-it")]).await;
    }
    for (name, generation) in [("ignores-it", before[2]), ("unmarked", before[3])] {
        assert_eq!(app.settled(name, SOON).await.unwrap(), generation, "{name} has nothing to do with it");
    }

    assert!(stack.postgres.accepts(&user.role, &password, &user.role).await.unwrap());
    assert!(!stack.postgres.accepts(&user.role, &user.first_password, &user.role).await.unwrap());
    let status = app.object("db").await.unwrap().status.unwrap();
    let tokens = status.source_versions.unwrap().tokens;
    assert!(tokens.values().any(|token| token.ends_with(&version)), "{tokens:?}");
    values.are_in_no_log(stack, rekey);
}
