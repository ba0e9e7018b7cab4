//! The scenario of coordination: programs that want a lock, work under it with its token, stall, and lose it; others that write
//! several keys at once, or keep a key with a TTL alive. Faults strike; then they stop, nobody renews any more, every session has to end, and everything that was seen is judged.

mod beacon;
mod book;
mod contender;
mod plan;
mod tuple;

pub use plan::LocksPlan;

use crate::checker::{self, History, Verdict, rounds::Budget};
use crate::cluster::Cluster;
use crate::invariants::locks::observed::{Seen, Told};
use crate::invariants::{self, End, Violation};
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
    let plan = Arc::new(world::with(|w| LocksPlan::draw(w.seed, w.slant)));
    let book = Book::default();
    let cluster = Cluster::<WholeAgent>::start(&plan.base);
    let users = &plan.base.users;
    let mut programs = Vec::new();
    for number in 0..plan.contenders {
        let machine = users[number as usize % users.len()];
        programs.push(cluster.nodes.spawn(machine, contender::contend(number, plan.clone(), book.clone())));
    }
    for number in 0..plan.tuples {
        let machine = users[number as usize % users.len()];
        programs.push(cluster.nodes.spawn(machine, tuple::tuple(number, plan.clone(), book.clone())));
    }
    for number in 0..plan.beacons {
        let machine = users[number as usize % users.len()];
        programs.push(cluster.nodes.spawn(machine, beacon::shine(number, plan.clone(), book.clone())));
    }
    cluster.storm(&plan.base).await;
    for program in programs {
        program.await.expect("users' machines have no faults");
    }
    KernelWait::after(plan.end.saturating_sub(book.passed())).await;
    let ends = End::of_all(&cluster);
    let record = world::with(|w| w.seen.take());
    let (mut seen, history) = book.take();
    seen.ends = ends;
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
    let invariants::locks::Replay { ended, lives, .. } = invariants::locks::Replay::of(&seen.applied);
    let lapsed = lives.iter().filter(|life| matches!(life.ended, Some((_, invariants::locks::End::Expired)))).count();
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
        ("refreshed", seen.signs.iter().filter(|sign| sign.value.is_none() && sign.told == Told::Done).count() as u64),
        ("lapsed", lapsed as u64),
        ("transactions", history.operations.iter().filter(|operation| operation.returned().is_some()).count() as u64),
        ("undecided", undecided),
        ("elections", leaders as u64),
        ("faults", seen.struck.len() as u64),
    ])
}
