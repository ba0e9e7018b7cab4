//! The observer's seat in a simulated server: what happens inside it becomes records.

use super::observation::{Applied, Boot, Gauge, Granted, Installed, Record, RoleChange, Tables};
use crate::checker::Nanos;
use crate::runtime::Sim;
use crate::trace::digest;
use crate::world::{self, Archives, Who};
use muster::model::{Index, NodeId, codec};
use muster::raft::{AppliedEntry, Observer, Raft, Role};
use muster::runtime::timeout;
use muster::state::{Command, State};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The record of a run, filled from many seats.
#[derive(Debug, Clone, Default)]
pub struct Records(Arc<Mutex<Record>>);

impl Records {
    /// Everything so far.
    pub fn take(&self) -> Record {
        std::mem::take(&mut self.lock())
    }

    /// Changes the record.
    pub fn with<T>(&self, f: impl FnOnce(&mut Record) -> T) -> T {
        f(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.0.lock().expect("no panic while held")
    }
}

/// The seat in one process of one server.
#[derive(Debug, Clone)]
pub struct Seat {
    who: Who,
    process: u64,
    records: Records,
}

/// Every so many entries the whole state is digested. The same ones on every server, so that digests meet.
const DIGEST_EVERY: Index = 8;
/// How often a server's progress is read when nothing happens.
const GLANCE: Duration = Duration::from_millis(500);

impl Seat {
    /// A seat in the process that runs on `who` now. Take one at every start of an agent: it writes the start down.
    pub fn take(who: Who, records: &Records) -> Seat {
        let (process, at) = world::with(|w| (w.host(who).process, w.now()));
        records.with(|r| r.boots.push(Boot { at, agent: who }));
        Seat { who, process, records: records.clone() }
    }

    /// Follows a server's role and progress until it stops. To be spawned on its machine.
    pub async fn follow(self, raft: Raft<Sim>) {
        let mut leadership = raft.watch_leadership();
        let mut led = 0;
        loop {
            let now = *leadership.borrow_and_update();
            if now.role == Role::Stopped {
                return;
            }
            self.glance(&raft, &mut led);
            if let Ok(Err(_)) = timeout::<Sim, _>(GLANCE, leadership.changed()).await {
                return;
            }
        }
    }

    fn glance(&self, raft: &Raft<Sim>, led: &mut u64) {
        let (stats, at) = (raft.stats(), now());
        if stats.term == 0 {
            return; // not read from the disk yet, or nothing there
        }
        let gauge = Gauge {
            at,
            server: self.who,
            process: self.process,
            term: stats.term,
            snapshot: stats.snapshot_index,
            applied: stats.applied_index,
            committed: stats.commit_index,
        };
        let leads = stats.role == Role::Leader && *led != stats.term;
        let last = (stats.last_log_term, stats.last_log_index);
        self.records.with(|r| {
            r.gauges.push(gauge);
            if leads {
                *led = stats.term;
                r.roles.push(RoleChange { at, server: self.who, term: stats.term, last });
            }
        });
    }
}

impl Observer for Seat {
    fn applied(&self, entry: AppliedEntry<'_>) {
        let command = entry.command.map_or(0, |stamped| digest(&codec::encode(1, stamped)));
        let changes = entry.command.filter(|stamped| !matches!(stamped.command, Command::Nothing));
        let whole = changes.map(|stamped| Arc::new(stamped.command.clone()));
        let state = entry.index.is_multiple_of(DIGEST_EVERY).then(|| digest(&entry.state.encode()));
        let (at, server, process) = (now(), self.who, self.process);
        let tables = world::try_with(|w| w.archives).is_some_and(|archives| archives == Archives::Judged).then(|| tables(entry.state));
        let (index, term, reply) = (entry.index, entry.term, entry.reply.clone());
        let applied = Applied { at, server, process, index, term, command, state, tables, whole, reply };
        if let Some(catalog) = applied.catalog() {
            say(server, format_args!("applied {index} {catalog:?}"));
        }
        self.records.with(|r| r.applied.push(applied));
    }

    fn installed(&self, term: u64, index: Index, state: &State) {
        let installed = Installed { at: now(), server: self.who, process: self.process, index, term, state: digest(&state.encode()) };
        self.records.with(|r| r.installed.push(installed));
    }

    fn voted(&self, term: u64, candidate: NodeId) {
        self.records.with(|r| r.votes.push(Granted { at: now(), voter: self.who, disk: 0, term, candidate }));
    }
}

fn tables(state: &State) -> Tables {
    Tables { last_change: state.last_change(), digest: digest(&state.archived().collect::<Vec<_>>().concat()) }
}

/// A line for whoever reads the trace.
fn say(who: Who, line: std::fmt::Arguments<'_>) {
    world::try_with(|w| {
        let now = w.now();
        w.trace.line(now, who.0, line);
    });
}

/// True time; 0 when the world has ended and only drops are left.
fn now() -> Nanos {
    world::try_with(|w| w.now()).unwrap_or(0)
}
