//! The scenario of the catalog: programs register instances on their agents, checks flap, faults strike, watchers look on; then the faults stop,
//! the catalog has to be the union of what the agents have, and everything that was seen is judged.

mod answer;
mod beside;
mod book;
mod comeback;
mod deploy;
mod inside;
mod names;
mod plan;
mod union;
mod watch;

pub use comeback::comeback;
pub use plan::CatalogPlan;
pub use union::{differences, leader_state};

use crate::checker::History;
use crate::cluster::{Beside, Cluster};
use crate::invariants::catalog::observed::Seen;
use crate::invariants::{self, Violation};
use crate::report::Findings;
use crate::runtime::disk::Honesty;
use crate::runtime::{JoinHandle, KernelWait, Sim};
use crate::trace::Entry;
use crate::whole_agent::WholeAgent;
use crate::world;
use book::Book;
use muster::runtime::Runtime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Plays the run of this world's seed, on client agents' disks of this `honesty`.
pub async fn catalog(honesty: Honesty) -> Findings {
    let plan = Arc::new(CatalogPlan::draw(world::with(|w| w.seed)));
    let book = Book::new(&plan);
    let (companion, shared) = (plan.clone(), book.clone());
    let beside: Beside = Arc::new(move |who| Box::pin(beside::beside(who, companion.clone(), shared.clone())));
    let cluster = Arc::new(Cluster::<WholeAgent>::start_with(&plan.base, beside));
    for who in &plan.base.clients {
        world::with(|w| w.host(*who).platter.hardware.honesty = honesty);
    }
    let programs = start(&cluster, &plan, &book);
    drop(Sim::spawn(moods(plan.clone(), book.clone())));
    drop(Sim::spawn(inside::follow(cluster.clone(), book.clone())));
    cluster.storm(&plan.base).await;
    KernelWait::after(plan.until.saturating_sub(book.passed())).await;
    for program in programs {
        program.await.expect("users' machines have no faults");
    }
    let union = union::settle(&cluster, &plan, &book).await;
    let record = world::with(|w| w.seen.take());
    let mut seen = book.take();
    seen.struck = cluster.faults.struck();
    seen.boots.clone_from(&record.boots);
    seen.applied = record.applied.iter().map(|applied| applied.to_catalog()).collect();
    seen.union = Some(union);
    seen.end = world::with(|w| w.now());
    let judged = invariants::judge(&record, &History::default());
    let violations: Vec<Violation> = judged.violations.into_iter().chain(invariants::catalog::judge(&seen)).collect();
    world::record(Entry::with("end", 0, 0, format!("{violations:?}").as_bytes()));
    Findings { violations: violations.iter().map(ToString::to_string).collect(), counts: counts(&seen, record.roles.len()) }
}

/// Everybody who uses the cluster, each on a machine without faults.
fn start(cluster: &Cluster<WholeAgent>, plan: &Arc<CatalogPlan>, book: &Book) -> Vec<JoinHandle<()>> {
    let users = &plan.base.users;
    let mut programs = Vec::new();
    for number in 0..plan.instances.len() {
        programs.push(cluster.nodes.spawn(users[number % users.len()], deploy::deploy(number, plan.clone(), book.clone())));
    }
    programs.push(cluster.nodes.spawn(users[0], deploy::meddle(plan.clone(), book.clone())));
    for (number, watcher) in plan.watchers.iter().enumerate() {
        programs.push(cluster.nodes.spawn(watcher.machine, watch::watch(number as u32, plan.clone(), book.clone())));
    }
    for (number, (machine, asked)) in plan.resolvers.iter().enumerate() {
        programs.push(cluster.nodes.spawn(*machine, names::resolve(number as u32, *asked, plan.clone(), book.clone())));
    }
    programs
}

/// Lets endpoints turn bad and good again.
async fn moods(plan: Arc<CatalogPlan>, book: Book) {
    for turn in &plan.turns {
        KernelWait::after(turn.at.saturating_sub(book.passed())).await;
        let (instance, manner) = turn.what;
        book.turn(instance, manner);
        world::record(Entry::plain("mood", instance as u64, manner as u64));
    }
}

fn counts(seen: &Seen, leaders: usize) -> BTreeMap<&'static str, u64> {
    let healthy = seen.looks.iter().filter(|look| look.after > 0).count();
    let agreed = seen.union.as_ref().and_then(|union| Some(union.agreed? - union.from)).map_or(u64::MAX, |took| took / 1_000_000);
    BTreeMap::from([
        ("instances", seen.instances.len() as u64),
        ("orders", seen.orders.iter().filter(|order| order.done.is_some()).count() as u64),
        ("heartbeats", seen.heartbeats.len() as u64),
        ("looks", seen.looks.len() as u64),
        ("blocking", healthy as u64),
        ("names", seen.namings.len() as u64),
        ("turns", seen.turns.len() as u64),
        ("inside", seen.inside.len() as u64),
        ("elections", leaders as u64),
        ("faults", seen.struck.len() as u64),
        ("agreed-ms", agreed),
    ])
}

/// How long the catalog may take to agree with the agents before the run gives up.
const PATIENCE: Duration = Duration::from_secs(150);
