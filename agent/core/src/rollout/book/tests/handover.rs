//! A cluster whose workloads Stakater Reloader restarted so far, with either strategy.

use super::*;
use crate::rollout::mark::Mark;
use crate::rollout::options::{Creation, Strategy};
use crate::rollout::restart::Restart;

const WORKLOADS: usize = 500;

/// Workloads of which every other one carries a variable, each with the hash of content 1 or one that is long past.
fn cluster() -> Vec<Fake> {
    let fake = |index: usize| {
        let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]).named(&format!("app-{index}"));
        let hash = if index.is_multiple_of(3) { sha(77) } else { sha(1) }.to_string();
        if index.is_multiple_of(2) {
            fake.carry_variable("STAKATER_S_SECRET", &hash);
        } else {
            fake.carry_marker(&format!(
                r#"{{"type":"SECRET","name":"s","namespace":"ns","hash":"{hash}","containerRefs":["main"],"observedAt":9}}"#
            ));
        }
        fake
    };
    (0..WORKLOADS).map(fake).collect()
}

fn carry_out(book: &mut Book, fakes: &mut [Fake], version: u64, millis: u64) -> Vec<Write> {
    let writes = book.take(Room { fresh: 10_000, retrying: 0 }, at(millis));
    for write in &writes {
        let index: usize = write.workload.object.name.trim_start_matches("app-").parse().unwrap();
        assert!(fakes[index].apply(write, version));
        book.written(write, Outcome::Applied(Box::new(fakes[index].workload())), 0.0, at(millis));
    }
    writes
}

#[test]
fn restarts_none_of_them_and_then_each_as_before() {
    let limits = Limits { burst: 1_000.0, ..Limits::default() };
    for strategy in [Strategy::Annotations, Strategy::Variables] {
        for creation in [Creation::Ignored, Creation::Restarts, Creation::RestartsLate] {
            let options = Options { strategy, creation, on_delete: true, limits, ..Options::default() };
            let (mut book, mut fakes) = (Book::new(KEY, options), cluster());
            see(&mut book, "s", 1, 1, 50_000);
            for fake in &fakes {
                book.workload_seen(fake.workload(), at(50_000));
            }
            book.complete();
            let recorded = carry_out(&mut book, &mut fakes, 11, 50_000);
            assert_eq!(recorded.len(), WORKLOADS);
            assert!(recorded.iter().all(|write| write.restart.is_none()), "{strategy:?} {creation:?}");
            assert!(carry_out(&mut book, &mut fakes, 12, 90_000).is_empty());

            see(&mut book, "s", 20, 2, 100_000);
            let restarted = carry_out(&mut book, &mut fakes, 21, 100_000);
            assert_eq!(restarted.len(), WORKLOADS);
            for write in &restarted {
                let index: usize = write.workload.object.name.trim_start_matches("app-").parse().unwrap();
                let keeps = match write.restart.as_ref().unwrap() {
                    Restart::Mark(Mark::Variables(variables)) => {
                        assert_eq!(variables[0].value, Some(sha(2).to_string()));
                        index.is_multiple_of(2)
                    }
                    _ => !index.is_multiple_of(2),
                };
                assert!(keeps, "a workload that carries one kind of marker keeps that kind");
            }
            assert!(carry_out(&mut book, &mut fakes, 22, 200_000).is_empty());
        }
    }
}
