//! The scenario of changes: programs that write keys in every way there is, others that follow what changes, and one that fetches archives and
//! restores them. Faults strike; then they stop, everything has to reach everybody, and everything that was seen is judged.

mod book;
mod follower;
mod keeper;
mod plan;
mod sse;
mod writer;

pub use plan::ChangesPlan;

use crate::checker::{self, Verdict, rounds::Budget};
use crate::cluster::Cluster;
use crate::invariants::changes::observed::{Answer, Fate, Seen, Told};
use crate::invariants::{self, End, Violation};
use crate::report::Findings;
use crate::runtime::KernelWait;
use crate::trace::Entry;
use crate::whole_agent::WholeAgent;
use crate::workload::Recorder;
use crate::world::{self, Archives};
use book::Book;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plays the run of this world's seed.
pub async fn changes() -> Findings {
    let plan = Arc::new(world::with(|w| ChangesPlan::draw(w.seed, w.slant)));
    let (book, recorder) = (Book::default(), Recorder::new());
    world::with(|w| w.archives = Archives::Judged);
    let cluster = Cluster::<WholeAgent>::start(&plan.base);
    let programs = start(&cluster, &plan, &book, &recorder);
    cluster.storm(&plan.base).await;
    let calm_from = world::with(|w| w.now());
    for program in programs {
        program.await.expect("users' machines have no faults");
    }
    KernelWait::after(plan.end.saturating_sub(book.passed())).await;
    let ends = End::of_all(&cluster);
    let mut record = world::with(|w| w.seen.take());
    let history = recorder.take().into_record(&mut record);
    let seen = Seen { ends, applied: record.applied.clone(), calm_from, end: world::with(|w| w.now()), ..book.take() };
    let mut violations = invariants::judge(&record, &Default::default()).violations;
    violations.extend(invariants::changes::judge(&seen));
    let silent = plan.base.servers.iter().filter(|who| !seen.ends.iter().any(|end| end.server == **who));
    violations.extend(silent.map(|who| Violation { id: "R12-liveness", says: format!("{who} does not run at the end"), at: seen.end }));
    // A restore brings back what older indexes were given to, so that the order of the indexes is none.
    let writes = match plan.restores.is_empty() {
        true => checker::check(&history, None, Budget::default()),
        false => checker::check_apart_from_indexes(&history, Budget::default()),
    };
    if writes.verdict() == Verdict::Illegal {
        violations.push(Violation { id: "K1-linearizable", says: writes.to_string(), at: seen.end });
    }
    world::record(Entry::with("end", 0, 0, format!("{violations:?}").as_bytes()));
    let mut counts = counts(&seen);
    counts.insert("requests", history.operations.iter().filter(|operation| operation.returned().is_some()).count() as u64);
    counts.insert("undecided", writes.undecided.len() as u64);
    counts.insert("elections", record.roles.len() as u64);
    counts.insert("faults", plan.base.strikes.len() as u64);
    Findings { violations: violations.iter().map(ToString::to_string).collect(), counts }
}

fn start(cluster: &Cluster<WholeAgent>, plan: &Arc<ChangesPlan>, book: &Book, recorder: &Recorder) -> Vec<crate::runtime::JoinHandle<()>> {
    let users = &plan.base.users;
    let machine = |number: u64| users[number as usize % users.len()];
    let (nodes, followers) = (&cluster.nodes, plan.followers.len() as u64);
    let writing = |number| nodes.spawn(machine(number), writer::write(number, plan.clone(), book.clone(), recorder.clone()));
    let following = |number| nodes.spawn(machine(number), follower::follow(number, plan.clone(), book.clone()));
    let keeping = |number| nodes.spawn(machine(number), keeper::keep(number, plan.clone(), book.clone(), recorder.clone()));
    (0..plan.writers).map(writing).chain((0..followers).map(following)).chain((0..plan.keepers).map(keeping)).collect()
}

fn counts(seen: &Seen) -> BTreeMap<&'static str, u64> {
    let told =
        |wanted: fn(&Told) -> bool| seen.streams.iter().flat_map(|heard| &heard.told).filter(|(_, told)| wanted(told)).count() as u64;
    let restored = |fate: Fate| seen.restored.iter().filter(|one| one.state.is_some() && one.fate == fate).count() as u64;
    BTreeMap::from([
        ("streams", seen.streams.len() as u64),
        ("fell-silent", seen.streams.iter().filter(|heard| heard.silent.is_some()).count() as u64),
        ("changes-heard", told(|told| matches!(told, Told::Change { .. }))),
        ("of-many-keys", told(|told| matches!(told, Told::Change { rows, .. } if rows.len() > 1))),
        ("alive", told(|told| matches!(told, Told::Alive { .. }))),
        ("refused-future", seen.named.iter().filter(|named| named.answer == Answer::Refused).count() as u64),
        ("gaps", told(|told| matches!(told, Told::Gap { .. }))),
        ("read-anew", seen.anew.len() as u64),
        ("looks", seen.looks.len() as u64),
        ("archives", seen.saved.len() as u64),
        ("restored", restored(Fate::Done)),
        ("restored-perhaps", restored(Fate::Unknown)),
        ("replaced", invariants::changes::Past::of(&seen.applied).replacements().len() as u64),
    ])
}
