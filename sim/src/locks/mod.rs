//! The scenario of coordination: programs that want a lock, work under it with its token, stall, and lose it; others that write two keys at once.
//! Faults strike; then they stop, nobody renews any more, every session has to end, and everything that was seen is judged.

mod book;
mod contender;
mod pair;
mod plan;

pub use plan::LocksPlan;

use crate::checker::{self, History, Verdict, rounds::Budget};
use crate::cluster::Cluster;
use crate::invariants::locks::observed::{Seen, Told};
use crate::invariants::{self, Violation};
use crate::report::Findings;
use crate::runtime::KernelWait;
use crate::trace::Entry;
use crate::whole_agent::WholeAgent;
use crate::world;
use book::Book;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plays the run of this world's seed.
pub async fn locks() -> Findings {
    let plan = Arc::new(LocksPlan::draw(world::with(|w| w.seed)));
    let book = Book::new();
    let cluster = Cluster::<WholeAgent>::start(&plan.base);
    let users = &plan.base.users;
    let mut programs = Vec::new();
    for number in 0..plan.contenders {
        let machine = users[number as usize % users.len()];
        programs.push(cluster.nodes.spawn(machine, contender::contend(number, plan.clone(), book.clone())));
    }
    for number in 0..plan.pairs {
        let machine = users[number as usize % users.len()];
        programs.push(cluster.nodes.spawn(machine, pair::pair(number, plan.clone(), book.clone())));
    }
    cluster.storm(&plan.base).await;
    for program in programs {
        program.await.expect("users' machines have no faults");
    }
    KernelWait::after(plan.end.saturating_sub(book.passed())).await;
    let record = world::with(|w| w.seen.take());
    let (mut seen, history) = book.take();
    seen.struck = cluster.faults.struck();
    seen.roles.clone_from(&record.roles);
    seen.applied.clone_from(&record.applied);
    seen.end = world::with(|w| w.now());
    let mut violations = invariants::judge(&record, &History::default()).violations;
    violations.extend(invariants::locks::judge(&seen));
    let transactions = checker::check(&history, None, Budget::default());
    let undecided = u64::from(transactions.verdict() == Verdict::Unknown);
    if transactions.verdict() == Verdict::Illegal {
        violations.push(Violation { id: "L6-transactions-linearizable", says: transactions.to_string(), at: seen.end });
    }
    world::record(Entry::with("end", 0, 0, format!("{violations:?}").as_bytes()));
    let counts = counts(&seen, &history, record.roles.len(), undecided);
    Findings { violations: violations.iter().map(ToString::to_string).collect(), counts }
}

fn counts(seen: &Seen, history: &History, leaders: usize, undecided: u64) -> BTreeMap<&'static str, u64> {
    let fenced = |told: Told| seen.fenced.iter().filter(|write| write.told == told).count() as u64;
    let ended = invariants::locks::Replay::of(&seen.applied).ended;
    let expired = ended.iter().filter(|ended| ended.cause == invariants::locks::Cause::Expired).count();
    BTreeMap::from([
        ("sessions", seen.sessions.len() as u64),
        ("renewals", seen.renewals.iter().filter(|renewal| renewal.told == Told::Done).count() as u64),
        ("locks", seen.taken.len() as u64),
        ("fenced", fenced(Told::Done)),
        ("fenced-off", fenced(Told::Lost)),
        ("verified", seen.verified.len() as u64),
        ("expired", expired as u64),
        ("ended-otherwise", (ended.len() - expired) as u64),
        ("transactions", history.operations.iter().filter(|operation| operation.returned().is_some()).count() as u64),
        ("undecided", undecided),
        ("elections", leaders as u64),
        ("faults", seen.struck.len() as u64),
    ])
}
