//! The world a run happens in: hosts, their clocks, disks and sockets, the network between them, and the trace.
//!
//! One world a thread, and each run in a fresh thread, so nothing of an earlier run reaches a later one. The world belongs to the kernel side
//! of things: it goes on while a node is frozen, and it outlives a node's processes. madsim gives the tasks, their random order and the
//! virtual time; everything that waits for a time is an [`Event`] here.

mod clock;
mod events;
mod host;
mod weather;

pub use clock::NodeClock;
pub use events::{Event, EventKey, drive};
pub use host::{Host, Power, SUPERVISOR, Who};
pub(crate) use host::{collide, takes};
pub use weather::{Climate, FIRST_RETRANSMISSION, Weather};

use crate::draws::Draws;
use crate::invariants::Records;
use crate::runtime::meter;
use crate::runtime::tcp::Connections;
use crate::slant::Slant;
use crate::trace::{Entry, Trace};
use events::Events;
use madsim::task::NodeId;
use madsim::time::TimeHandle;
use muster::raft::Controls;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::task::Waker;

/// Everything the nodes share.
pub struct World {
    /// The run's seed.
    pub seed: u64,
    /// What happened.
    pub trace: Trace,
    /// The network's state.
    pub weather: Weather,
    /// Every host by its number.
    pub hosts: BTreeMap<Who, Host>,
    /// TCP connections.
    pub connections: Connections,
    /// What broke: an error in a log, a failed start. Any line fails the run.
    pub failures: Vec<String>,
    /// What invariants are judged from.
    pub seen: Records,
    /// Safety measures of the agents: a scenario may plant a fault.
    pub controls: Controls,
    /// What the scenario asks of its runs.
    pub slant: Slant,
    /// Whether archives of servers' states are judged, for which each state is digested.
    pub archives: Archives,
    time: TimeHandle,
    events: Events,
    ids: BTreeMap<NodeId, Who>,
    wakes: Vec<Waker>,
    discarded: Vec<Waker>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Whether archives of servers' states are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archives {
    /// They are.
    Judged,
    /// There are none.
    Ignored,
}

/// Begins this thread's world and its driver. Call it inside madsim's runtime; trace lines go to `text`.
pub fn begin(seed: u64, text: Option<Box<dyn Write + Send>>) {
    let mut world = World {
        seed,
        trace: Trace::new(text),
        weather: Weather::new(Draws::new(seed, "network", 0)),
        hosts: BTreeMap::new(),
        connections: Connections::default(),
        failures: Vec::new(),
        seen: Records::default(),
        controls: Controls::SAFE,
        slant: Slant::NONE,
        archives: Archives::Ignored,
        time: TimeHandle::current(),
        events: Events::default(),
        ids: BTreeMap::new(),
        wakes: Vec::new(),
        discarded: Vec::new(),
    };
    world.add_host(SUPERVISOR, madsim::plugin::node());
    WORLD.set(Some(world));
    drop(madsim::task::spawn(drive()));
}

/// Ends this thread's world and hands it over.
///
/// # Panics
/// If no world was begun.
pub fn end() -> World {
    WORLD.take().expect("a world was begun")
}

/// Works on this thread's world. What `f` woke runs after it.
///
/// # Panics
/// If no world was begun, or from within another call.
pub fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    try_with(f).expect("a world was begun")
}

/// [`with`], or `None` when the world has ended: for what is dropped late.
pub fn try_with<T>(f: impl FnOnce(&mut World) -> T) -> Option<T> {
    let (value, wakes, discarded) = WORLD.with_borrow_mut(|world| {
        let world = world.as_mut()?;
        let value = f(world);
        Some((value, std::mem::take(&mut world.wakes), std::mem::take(&mut world.discarded)))
    })?;
    wakes.into_iter().for_each(Waker::wake);
    drop(discarded);
    Some(value)
}

/// The host whose task is running.
pub fn me() -> Who {
    let id = madsim::plugin::node();
    with(|w| w.who(id))
}

/// Puts an event of the running task's host into the trace.
pub fn record(entry: Entry) {
    let id = madsim::plugin::node();
    with(|w| {
        let who = w.who(id);
        w.record(who, entry);
    });
}

impl World {
    /// The hosts' nodes, apart from the supervisor's.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.ids.iter().filter(|(_, who)| **who != SUPERVISOR).map(|(node, _)| *node).collect()
    }

    /// Virtual time in nanoseconds, the same for all.
    pub fn now(&self) -> u64 {
        self.time.elapsed().as_nanos() as u64
    }

    /// The host that is madsim's node `id`.
    pub fn who(&self, id: NodeId) -> Who {
        self.ids.get(&id).copied().unwrap_or(SUPERVISOR)
    }

    /// Adds a host. Its tasks are those of madsim's node `id`.
    ///
    /// # Panics
    /// If the number is taken.
    pub fn add_host(&mut self, who: Who, id: NodeId) {
        let host = Host::new(who, self.seed, self.now());
        assert!(self.hosts.insert(who, host).is_none(), "{who} exists");
        self.ids.insert(id, who);
    }

    /// A host of this world.
    ///
    /// # Panics
    /// If there is no such host.
    pub fn host(&mut self, who: Who) -> &mut Host {
        self.hosts.get_mut(&who).expect("a host of this world")
    }

    /// Whether what `from` sends to `to` now would reach a machine that runs.
    pub fn reaches(&self, from: Who, to: Who) -> bool {
        self.weather.is_open(from, to) && self.hosts.get(&to).is_some_and(|host| host.power == Power::On)
    }

    /// Puts an event of `who` into the trace.
    pub fn record(&mut self, who: Who, entry: Entry) {
        meter::note(who, &entry);
        let now = self.now();
        self.trace.record(now, who.0, entry);
    }

    /// Wakes a task when the present call into the world is over.
    pub fn wake(&mut self, waker: Waker) {
        self.wakes.push(waker);
    }

    /// Wakes a task if there is one.
    pub fn wake_any(&mut self, waker: Option<Waker>) {
        self.wakes.extend(waker);
    }

    /// Drops a waker when the present call into the world is over: with it may go a task, and with that sockets and sleeps.
    pub fn discard(&mut self, waker: Option<Waker>) {
        self.discarded.extend(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::{Who, World, begin, end, me, with};
    use madsim::runtime::Runtime;

    #[test]
    fn a_run_hands_its_world_over_with_what_it_recorded() {
        let thread = std::thread::Builder::new()
            .spawn(|| {
                Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(async {
                    begin(1, None);
                    assert_eq!(me(), super::SUPERVISOR);
                    with(|w| w.record(Who(1), crate::trace::Entry::plain("test", 1, 2)));
                });
                end()
            })
            .unwrap();
        let world: World = thread.join().unwrap();
        assert_eq!(world.trace.by_kind()["test"], 1);
    }
}
