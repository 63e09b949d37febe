//! Accounts and passwords that are somebody else's, or nobody's any more.

use rekey_rotation::plan::ADOPT_TAG;

use super::*;

const STRANGER: &str = "app_clone@10.%";

/// A rotation to `app_clone`, which exists with that password and may do something that `app` may not.
fn world_with(password: &str) -> World<Model> {
    let world = world(Model::new(MARIADB).with(STRANGER, password), "alternating");
    world.state().service.user(STRANGER).description.grants.entries.insert(right("`books`.*", "SELECT"));
    world
}

fn untouched(world: &World<Model>, password: &str) -> bool {
    let state = world.state();
    let kept = state.service.users[&Account::parse(STRANGER).unwrap()].description.grants.entries.len() == 1;
    kept && state.service.accepts(STRANGER, password) && state.service.done.is_empty()
}

async fn preflight(world: &World<Model>) -> Result<Outcome, String> {
    let current = world.text(CURRENT).unwrap();
    world.state().values.insert("v2".to_owned(), current);
    let result = invoke(&machine(world), Step::Test.as_str()).await.unwrap().result;
    world.state().values.remove("v2");
    result.map_err(|error| format!("{}: {error}", error.kind().as_str()))
}

#[tokio::test(start_paused = true)]
async fn an_account_that_only_has_the_other_user_s_name_is_left_alone() {
    let world = world_with("its own");
    assert!(preflight(&world).await.unwrap_err().starts_with("refused: "));
    ends_well(&world, Step::Create).await;
    let (kind, why) = fails(&world, Step::Set).await;
    assert!(kind == "refused" && why.contains("rekey:adopt=true"), "{why}");
    assert!(untouched(&world, "its own"));

    // A name alone proves nothing: whoever writes the secret may write any.
    let world = world_with("its own");
    world.state().values.insert("v0".to_owned(), document("app_clone", "guessed"));
    assert!(!rotate(&machine(&world), 1).await);
    assert!(untouched(&world, "its own"));
}

#[tokio::test(start_paused = true)]
async fn a_user_with_a_name_of_its_own_that_ends_in_clone_does_not_take_over_the_one_without() {
    let model = Model::new(MARIADB).with("orders_clone@%", "one").with("orders@%", "theirs").with("master@%", "m");
    let world = World::new(model, &document("orders_clone", "one"), &document("orders_clone", "zero"));
    let master = r#"{"host":"h","username":"master","password":"m"}"#.to_owned();
    world.state().others.insert("master/m".to_owned(), (master, Tags::new()));
    ends_well(&world, Step::Create).await;
    assert_eq!(fails(&world, Step::Set).await.0, "refused");
    assert!(world.state().service.accepts("orders@%", "theirs"));
}

#[tokio::test(start_paused = true)]
async fn a_password_of_the_secret_or_the_tag_proves_that_the_other_user_is_the_secret_s() {
    let known = world_with("two");
    known.state().values.insert("v0".to_owned(), document("app_clone", "two"));
    let tagged = world_with("by hand");
    tagged.state().tags.insert(ADOPT_TAG.to_owned(), "true".to_owned());
    for world in [known, tagged] {
        assert_eq!(preflight(&world).await, Ok(Outcome::Done));
        assert!(rotate(&machine(&world), 1).await);
        let new = field(&world, CURRENT, "password");
        let state = world.state();
        assert!(state.service.accepts(STRANGER, &new));
        assert!(state.service.users[&Account::parse(STRANGER).unwrap()].description.grants.entries.is_empty());
        assert_eq!(state.service.refused, 0, "nothing was tried");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_that_several_host_patterns_share_is_not_changed_at_one_of_them() {
    for tag in ["master", "alternating", "dual"] {
        let world = world(Model::new(MYSQL).with("app@10.1.%", "one"), tag);
        assert!(preflight(&world).await.unwrap_err().contains("several host patterns"), "{tag}");
        ends_well(&world, Step::Create).await;
        let (kind, why) = fails(&world, Step::Set).await;
        assert!(kind == "refused" && why.contains("several host patterns"), "{why}");
        assert!(world.state().service.done.is_empty());
    }
    // One that has another password is another user.
    for (tag, other) in [("master", "app@10.1.%"), ("dual", "app@10.1.%"), ("alternating", "app@192.168.%")] {
        let world = world(Model::new(MYSQL).with(other, "other"), tag);
        assert!(rotate(&machine(&world), 1).await);
        assert!(world.state().service.accepts(other, "other"));
    }
}

#[tokio::test(start_paused = true)]
async fn users_do_not_take_turns_where_a_log_in_may_reach_another_account_of_either() {
    for (other, free) in [
        ("app_clone@%", false),
        ("app_clone@10.1.%", false),
        ("app_clone@localhost", false),
        ("app@10.1.%", false),
        // Which no client of 10.% can be.
        ("app_clone@192.168.%", true),
        ("app@192.168.%", true),
    ] {
        let world = world(Model::new(MARIADB).with(other, "its own"), "alternating");
        // Not even where it is known to be the secret's: from the time when the user had that pattern, for instance.
        world.state().values.insert("v0".to_owned(), document("app_clone", "its own"));
        world.state().tags.insert(ADOPT_TAG.to_owned(), "true".to_owned());
        let rehearsed = preflight(&world).await;
        ends_well(&world, Step::Create).await;
        if free {
            assert_eq!(rehearsed, Ok(Outcome::Done), "{other}");
            ends_well(&world, Step::Set).await;
            let pending = field(&world, "AWSPENDING", "password");
            assert!(
                world.state().service.accepts("app_clone@10.%", &pending),
                "at the host pattern of the user in force"
            );
        } else {
            assert!(rehearsed.unwrap_err().starts_with("refused: "), "{other}");
            let (kind, why) = fails(&world, Step::Set).await;
            assert!(kind == "refused" && why.contains("another host pattern") && !why.contains("app"), "{why}");
            assert!(world.state().service.done.is_empty(), "{other}");
        }
        assert!(world.state().service.accepts(other, "its own"));
    }
}

#[tokio::test(start_paused = true)]
async fn b14_of_two_users_the_current_and_the_previous_credential_live_on_and_no_other() {
    let mut history = vec![("app".to_owned(), "one".to_owned())];
    let mut world = world(Model::new(MYSQL), "alternating");
    for _ in 0..4 {
        assert!(rotate(&machine(&world), 1).await);
        history.push((field(&world, CURRENT, "username"), field(&world, CURRENT, "password")));
        let next = World::new(Model::new(MYSQL), &world.text(CURRENT).unwrap(), &world.text("AWSPREVIOUS").unwrap());
        next.state().others.clone_from(&world.state().others);
        next.state().service.users.clone_from(&world.state().service.users);
        world = next;
        let model = &world.state().service;
        let accepted = history.iter().map(|(user, password)| model.accepts(&format!("{user}@10.%"), password));
        let last_two = (0..history.len()).map(|number| number + 2 >= history.len());
        assert!(accepted.eq(last_two), "{history:?}");
        assert_eq!(model.users.len(), 3, "the two and the master");
    }
}
