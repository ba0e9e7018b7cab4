//! The machines of a run and what can be done to them.

use crate::runtime::{JoinHandle, tcp};
use crate::trace::Entry;
use crate::world::{self, Power, Who};
use madsim::runtime::Handle;
use madsim::task::NodeId;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;

/// How a node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crash {
    /// The process is killed. Its kernel closes its sockets, and what it wrote stays on its way to the disk.
    Process,
    /// The machine loses power. Nobody hears of it, and what was not synced is lost, kept or torn.
    Power,
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Its process runs.
    Running,
    /// Its process stands still; its kernel goes on.
    Frozen,
    /// Its process is gone.
    Dead,
}

struct Node {
    id: NodeId,
    condition: Condition,
}

/// All machines of a run, and the only place that starts, stops and freezes them.
#[derive(Default)]
pub struct Nodes {
    all: Mutex<BTreeMap<Who, Node>>,
}

impl Nodes {
    /// Switches on a machine whose process is `main`, run again at every [`restart`](Nodes::restart).
    pub fn add<F>(&self, who: Who, main: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let node = Handle::current().create_node().name(who.to_string()).ip(who.ip()).init(main).build();
        world::with(|w| w.add_host(who, node.id()));
        self.lock().insert(who, Node { id: node.id(), condition: Condition::Running });
    }

    /// Switches on a machine without a process of its own.
    pub fn add_idle(&self, who: Who) {
        self.add(who, std::future::pending);
    }

    /// Starts a task on a machine.
    pub fn spawn<T: Send + 'static>(&self, who: Who, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let node = Handle::current().get_node(self.id(who)).expect("a machine of this run");
        JoinHandle::spawn_on(&node, task)
    }

    /// What a machine is doing.
    pub fn condition(&self, who: Who) -> Condition {
        self.lock()[&who].condition
    }

    /// Every machine, in order.
    pub fn everyone(&self) -> Vec<Who> {
        self.lock().keys().copied().collect()
    }

    /// Ends a node's process, or its whole machine. No effect on a dead one.
    pub fn crash(&self, who: Who, crash: Crash) {
        if self.condition(who) == Condition::Dead {
            return;
        }
        // madsim drops what a paused node had ready while it holds a lock that those drops may need.
        self.thaw(who);
        world::with(|w| {
            w.record(who, Entry::plain("fault.crash", crash as u64, 0));
            match crash {
                Crash::Process => {
                    tcp::kill_process(w, who);
                    w.host(who).platter.owner_ends();
                }
                Crash::Power => {
                    w.host(who).power = Power::Off;
                    tcp::lose_power(w, who);
                    let torn = w.host(who).platter.lose_power();
                    w.record(who, Entry::plain("disk.power-loss", torn, 0));
                }
            }
            // From here on nothing that the dying tasks do in their drops reaches a socket or the disk.
            w.host(who).process += 1;
        });
        Handle::current().kill(self.id(who));
        self.set(who, Condition::Dead);
    }

    /// Starts a dead node's process again, after its machine if that is off.
    pub fn restart(&self, who: Who) {
        if self.condition(who) != Condition::Dead {
            return;
        }
        world::with(|w| {
            let now = w.now();
            let host = w.host(who);
            if host.power == Power::Off {
                host.power = Power::On;
                host.clock.reboot(now);
            }
            w.record(who, Entry::plain("fault.restart", 0, 0));
        });
        Handle::current().restart(self.id(who));
        self.set(who, Condition::Running);
    }

    /// Stops a running node's tasks where they are. Its kernel goes on: it accepts, receives, acknowledges.
    pub fn freeze(&self, who: Who) {
        if self.condition(who) == Condition::Running {
            world::with(|w| w.record(who, Entry::plain("fault.freeze", 0, 0)));
            Handle::current().pause(self.id(who));
            self.set(who, Condition::Frozen);
        }
    }

    /// Lets a frozen node go on; everything that fell due comes at once.
    pub fn thaw(&self, who: Who) {
        if self.condition(who) == Condition::Frozen {
            world::with(|w| w.record(who, Entry::plain("fault.thaw", 0, 0)));
            Handle::current().resume(self.id(who));
            self.set(who, Condition::Running);
        }
    }

    /// Lets a machine's clocks run fast by `ppm` parts per million from now on (negative: slow).
    pub fn drift(&self, who: Who, ppm: i64) {
        world::with(|w| {
            w.record(who, Entry::plain("fault.drift", ppm as u64, 0));
            let now = w.now();
            w.host(who).clock.set_drift(now, ppm);
            w.wake_sleepers(who);
        });
    }

    /// Sets a machine's wall clock forward or back by `nanos`.
    pub fn step_wall(&self, who: Who, nanos: i64) {
        world::with(|w| {
            w.record(who, Entry::plain("fault.wall-step", nanos as u64, 0));
            w.host(who).clock.step_wall(nanos);
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Who, Node>> {
        self.all.lock().expect("no panic while held")
    }

    fn id(&self, who: Who) -> NodeId {
        self.lock()[&who].id
    }

    fn set(&self, who: Who, condition: Condition) {
        if let Some(node) = self.lock().get_mut(&who) {
            node.condition = condition;
        }
    }
}
