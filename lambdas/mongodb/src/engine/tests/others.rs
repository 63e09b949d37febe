//! Users and passwords that are somebody else's, or nobody's any more.

use rekey_rotation::plan::ADOPT_TAG;

use super::model::{MASTER, at_the_clone, document};
use super::*;

/// A rotation to `app_clone`, which exists with that password and another role.
fn world_with(password: &str) -> World {
    let world = alternating();
    world.state().service.add("shop", "app_clone", password, &["books"]);
    world
}

async fn preflight(world: &World) -> Result<(), StepError> {
    let current = world.text(CURRENT).unwrap();
    world.state().values.insert(rekey_rotation::testing::TOKEN.to_owned(), current);
    let tested = run(world, "testSecret").await;
    world.state().values.remove(rekey_rotation::testing::TOKEN);
    tested
}

#[tokio::test(start_paused = true)]
async fn a_user_that_only_has_the_other_one_s_name_is_left_alone() {
    let nameless = world_with("its own");
    // A name alone proves nothing: whoever writes the secret may write any.
    let named = world_with("its own");
    named.state().values.insert("v0".to_owned(), document("app_clone", "guessed", MASTER));
    // And the other way round: a user whose own name ends like that.
    let reverse = at_the_clone();
    reverse.state().service.user("shop", "app").password = "theirs".to_owned();
    for world in [nameless, named, reverse] {
        let before = world.state().service.users.clone();
        assert_eq!(preflight(&world).await.unwrap_err().kind().as_str(), "refused");
        run(&world, "createSecret").await.unwrap();
        let error = run(&world, "setSecret").await.unwrap_err();
        assert!(error.kind().as_str() == "refused" && error.to_string().contains("rekey:adopt=true"), "{error}");
        assert_eq!(world.state().service.users, before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_of_the_secret_or_the_tag_proves_that_the_other_user_is_the_secret_s() {
    let known = world_with("two");
    known.state().values.insert("v0".to_owned(), document("app_clone", "two", MASTER));
    let tagged = world_with("by hand");
    tagged.state().tags.insert(ADOPT_TAG.to_owned(), "true".to_owned());
    for world in [known, tagged] {
        preflight(&world).await.unwrap();
        assert!(rotate(&machine(&world), 1).await);
        let new = password(&world);
        let service = &mut world.state().service;
        assert_eq!(service.user("shop", "app_clone").password, new);
        assert_eq!(service.user("shop", "app_clone").grants.roles, roles(&["readWrite"]));
        assert_eq!(service.refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn b9_no_rotation_without_a_fault_causes_a_failed_login() {
    for make in [single, through_master, alternating, at_the_clone] {
        let world = make();
        preflight(&world).await.unwrap();
        assert!(rotate(&machine(&world), 1).await);
        assert_eq!(world.state().service.refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn b14_of_two_users_the_current_and_the_previous_credential_live_on_and_no_other() {
    let mut world = alternating();
    let mut history = vec![("app".to_owned(), "one".to_owned())];
    for _ in 0..4 {
        assert!(rotate(&machine(&world), 1).await);
        let text = world.text(CURRENT).unwrap();
        let current = SecretDocument::parse(text.into()).unwrap();
        let field = |name| current.required(name).unwrap().to_string();
        history.push((field("username"), field("password")));
        let users = world.state().service.users.clone();
        let accepted = history
            .iter()
            .map(|(name, password)| users[&("shop".to_owned(), name.clone())].password == *password)
            .collect::<Vec<_>>();
        let last_two = (0..history.len()).map(|number| number + 2 >= history.len()).collect::<Vec<_>>();
        assert_eq!(accepted, last_two);
        assert_eq!(users.len(), 3, "the two and the master");

        let next = alternating();
        for (version, label) in [("v0", "AWSPREVIOUS"), ("v1", CURRENT)] {
            let text = world.text(label).unwrap();
            next.state().values.insert(version.to_owned(), text);
        }
        next.state().service.users = users;
        world = next;
    }
}
