//! What the functions' log shows at the level that operators leave it at.

use std::cell::RefCell;
use std::io;

use tracing::Level;

use super::*;

const USER: &str = "hidden-user";
const HOST: &str = "hidden.example";

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The lines of the thread that writes them. The log is the whole process's: one for a single thread is not told of
/// what another test's thread has reached first.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}

/// The world with names that can be told from everything else.
fn hidden(make: fn() -> World) -> World {
    let world = make();
    {
        let mut state = world.state();
        let named = |text: &str| {
            let user = text.replace(r#""username":"u""#, &format!(r#""username":"{USER}""#));
            user.replace(r#""host":"h""#, &format!(r#""host":"{HOST}""#))
        };
        for text in state.values.values_mut() {
            *text = named(text);
        }
        for (text, _) in state.others.values_mut() {
            *text = text.replace(r#""H""#, &format!(r#""{HOST}""#));
        }
        state.service.others.insert(USER.to_owned(), "one".to_owned());
    }
    world
}

#[tokio::test(start_paused = true)]
async fn at_info_no_line_names_a_user_a_host_or_a_password() {
    let log = tracing_subscriber::fmt().json().with_max_level(Level::INFO).with_writer(|| Lines);
    tracing::subscriber::set_global_default(log.finish()).unwrap();
    let mut said = Vec::new();
    for make in [single as fn() -> World, alternating] {
        // In order, after a lost answer, with the previous password, with none, with a bus that takes nothing.
        let harms: [fn(&World); 5] = [
            |_| {},
            |world| _ = world.state().faults.insert(1, Fault::LostReply),
            |world| _ = world.state().service.others.insert(USER.to_owned(), "zero".to_owned()),
            |world| _ = world.state().service.others.insert(USER.to_owned(), "other".to_owned()),
            |world| world.state().bus_broken = true,
        ];
        for harm in harms {
            let world = hidden(make);
            harm(&world);
            for step in Step::ALL.into_iter().chain(Step::ALL) {
                said.extend(run(&world, step).await.err().map(|error| format!("{error} {error:?}")));
            }
            let all = format!("{}{}", lines(), said.join("\n"));
            for password in world.state().service.others.values() {
                for hidden in [USER, HOST, &format!("\"{password}\"")] {
                    assert!(!all.contains(hidden), "{hidden}: {all}");
                }
            }
        }
    }
    let log = lines();
    assert!(log.contains("service refused a credential") && log.contains("not announced"), "{log}");
    assert!(said.len() > 5);
}
