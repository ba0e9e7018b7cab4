//! The scenario of every seed: users work while faults strike, then the faults stop, and everything that was seen is judged.

use crate::calm::{Inspected, settle};
use crate::checker::{Action, Mode, Operation, Outcome, Verdict};
use crate::cluster::Cluster;
use crate::invariants::observation::Trial;
use crate::invariants::{self, Judgement};
use crate::nodes::Nodes;
use crate::plan::{Plan, Temper};
use crate::report::Findings;
use crate::runtime::disk::Honesty;
use crate::trace::Entry;
use crate::workload::{self, Recorder, Work};
use crate::world;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long users work while faults strike.
pub const STORM: Duration = Duration::from_secs(45);
/// How long users go on after the faults have stopped: promises about time are only held against a cluster that has had time to settle.
const AFTERWARDS: Duration = Duration::from_secs(8);

/// Plays the run of this world's seed, on agents' disks of this `honesty`.
pub async fn chaos<A: Inspected>(honesty: Honesty) -> Findings {
    let (seed, slant) = world::with(|w| (w.seed, w.slant));
    let plan = Plan::draw(seed, Temper { slant, ..Temper::wild(STORM) });
    let cluster = Cluster::<A>::start(&plan);
    for who in plan.agents() {
        world::with(|w| w.host(who).platter.hardware.honesty = honesty);
    }
    let recorder = Recorder::new();
    let work = Work::draw(plan.seed, &plan.users, &plan.agents());
    let until = world::with(|w| w.now()) + (STORM + AFTERWARDS).as_nanos() as u64;
    let users = workload::start(&cluster.nodes, &work, &recorder, until);
    cluster.storm(&plan).await;
    let calm = settle(&cluster, &plan, || prove(&cluster.nodes, &plan, &recorder)).await;
    for user in users {
        user.await.expect("users' machines have no faults");
    }
    let mut record = world::with(|w| w.seen.take());
    record.calm = Some(calm);
    let history = recorder.take().into_record(&mut record);
    let judgement = invariants::judge(&record, &history);
    world::record(Entry::with("end", 0, 0, format!("{judgement:?}").as_bytes()));
    let mut counts = counts(&history.operations, &record.roles.len(), &plan);
    counts.insert("undecided-keys", judgement.report.undecided.len() as u64);
    Findings { violations: violations(&judgement), counts }
}

/// The trials, made from a user's machine.
async fn prove(nodes: &Nodes, plan: &Plan, recorder: &Recorder) -> Vec<Trial> {
    let (agents, recorder) = (plan.agents(), recorder.clone());
    let trying = nodes.spawn(plan.users[0], async move { workload::trials(&agents, &recorder).await });
    trying.await.expect("users' machines have no faults")
}

fn violations(judgement: &Judgement) -> Vec<String> {
    let mut all: Vec<String> = judgement.violations.iter().map(ToString::to_string).collect();
    match judgement.report.verdict() {
        Verdict::Linearizable => {}
        // The order in which the servers applied the writes was verified against every answer and against real time: that is a legal order, which is
        // what the search looks for. It is only the second opinion that is missing, and the run says so.
        Verdict::Unknown => {}
        Verdict::Illegal => all.push(judgement.report.to_string()),
    }
    all
}

fn counts(operations: &[Operation], leaders: &usize, plan: &Plan) -> BTreeMap<&'static str, u64> {
    let count = |wanted: fn(&Operation) -> bool| operations.iter().filter(|operation| wanted(operation)).count() as u64;
    BTreeMap::from([
        ("acknowledged", count(|o| matches!(o.outcome, Outcome::Wrote { .. }))),
        ("read", count(|o| matches!(o.outcome, Outcome::Read { .. }) && !is_stale(o))),
        ("stale", count(|o| matches!(o.outcome, Outcome::Read { .. }) && is_stale(o))),
        ("unknown", count(|o| o.action.writes() && o.outcome == Outcome::Unknown)),
        ("elections", *leaders as u64),
        ("faults", plan.strikes.len() as u64),
    ])
}

fn is_stale(operation: &Operation) -> bool {
    matches!(operation.action, Action::Get { mode: Mode::Stale })
}
