//! What a phase of the storm cost.

use super::Size;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::runtime::meter::{self, Cost};
use crate::whole_agent::WholeAgent;
use crate::world::{self, Who};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A phase: from an occasion until everything agreed.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What it is called.
    pub name: &'static str,
    /// How long it took, in the world's time.
    pub took: Duration,
    /// Entries added to the log.
    pub entries: u64,
    /// What it cost whoever led at its end.
    pub leader: Cost,
    /// What it cost the client agents together.
    pub clients: Cost,
    /// Processor time of everybody together, in seconds.
    pub processor: f64,
    /// Polls of everybody together.
    pub polls: u64,
}

impl Phase {
    /// About how much processor time the leader took, in seconds, if a poll costs it as much as any other agent.
    pub fn leader_seconds(&self) -> f64 {
        self.processor * self.leader.polls as f64 / self.polls.max(1) as f64
    }
}

/// What came of a storm.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// How large it was.
    pub size: Size,
    /// Instances in the catalog at the end, those of the servers too.
    pub instances: usize,
    /// Checks that changed while the servers were gone.
    pub changed: u64,
    /// Its phases.
    pub phases: Vec<Phase>,
}

/// Everything at the beginning of a phase.
pub(super) struct Meter {
    began: u64,
    applied: u64,
    processor: f64,
    costs: BTreeMap<Who, Cost>,
}

fn applied(cluster: &Cluster<WholeAgent>) -> u64 {
    cluster.agents().values().filter_map(|agent| Some(agent.0.raft()?.stats().applied_index)).max().unwrap_or(0)
}

impl Meter {
    pub(super) fn begin(cluster: &Cluster<WholeAgent>, plan: &Plan) -> Meter {
        let costs = plan.agents().into_iter().map(|who| (who, meter::cost(who))).collect();
        // Servers that are gone come back with the log they had.
        let applied =
            applied(cluster).max(world::with(|w| w.seen.with(|seen| seen.applied.iter().map(|entry| entry.index).max().unwrap_or(0))));
        Meter { began: world::with(|w| w.now()), applied, processor: meter::processor_seconds().unwrap_or_default(), costs }
    }

    pub(super) fn end(self, name: &'static str, cluster: &Cluster<WholeAgent>, plan: &Plan) -> Phase {
        let since = |who: &Who| meter::cost(*who).since(self.costs[who]);
        let clients = plan.clients.iter().map(since).fold(Cost::default(), |sum, cost| Cost {
            polls: sum.polls + cost.polls,
            sent: sum.sent + cost.sent,
            received: sum.received + cost.received,
        });
        Phase {
            name,
            took: Duration::from_nanos(world::with(|w| w.now()) - self.began),
            entries: applied(cluster).saturating_sub(self.applied),
            leader: cluster.leader().map(|who| since(&who)).unwrap_or_default(),
            clients,
            processor: meter::processor_seconds().unwrap_or_default() - self.processor,
            polls: plan.agents().iter().map(|who| since(who).polls).sum(),
        }
    }
}

/// What a restart may cost beside what has really changed: entries for elections, membership and the leader's own duties, for each agent.
const ENTRIES_FOR_EACH: u64 = 3;
/// How long agreement may take after the servers are back.
const AGREED_WITHIN: Duration = Duration::from_secs(45);
/// Bytes the leader may exchange for each instance that it compares.
const BYTES_FOR_EACH: u64 = 1_000;

impl Figures {
    /// What is too much, each in a sentence: a restart writes what has changed and little else.
    pub fn excesses(&self) -> Vec<String> {
        let mut found = Vec::new();
        let agents = u64::from(self.size.agents) + 3;
        let expected = u64::from(self.size.agents) * u64::from(self.size.each);
        if self.instances as u64 != expected + 3 {
            found.push(format!("{} instances are listed, not {expected} and 3 servers", self.instances));
        }
        for phase in self.phases.iter().filter(|phase| phase.name != "registering") {
            let changed = if phase.name == "restart" { self.changed } else { 0 };
            if phase.entries > changed + ENTRIES_FOR_EACH * agents {
                found.push(format!("{}: {} entries for {changed} changes", phase.name, phase.entries));
            }
            let bytes = phase.leader.sent + phase.leader.received;
            if bytes > (expected + changed) * BYTES_FOR_EACH {
                found.push(format!("{}: the leader exchanged {bytes} bytes for {expected} instances", phase.name));
            }
        }
        let slow = self.phases.iter().filter(|phase| phase.name == "restart" && phase.took > AGREED_WITHIN);
        found.extend(slow.map(|phase| format!("agreement took {:?}, more than {AGREED_WITHIN:?}", phase.took)));
        found
    }

    /// For people.
    pub fn text(&self) -> String {
        let Size { agents, services, each } = self.size;
        let mut text = format!(
            "{} instances of {services} services on {agents} agents ({each} each); {} checks changed while the servers were gone\n",
            u64::from(agents) * u64::from(each),
            self.changed
        );
        for phase in &self.phases {
            let Phase { name, took, entries, leader, clients, processor, .. } = phase;
            text.push_str(&format!(
                "  {name:<18} {:>6.1} s, {entries} log entries; leader {} polls (about {:.2} of {processor:.1} s CPU of all), {:.1} MB out, {:.1} MB in; clients {:.1} MB out\n",
                took.as_secs_f64(),
                leader.polls,
                phase.leader_seconds(),
                megabytes(leader.sent),
                megabytes(leader.received),
                megabytes(clients.sent),
            ));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        let phase = |phase: &Phase| {
            json!({
                "name": phase.name,
                "seconds": phase.took.as_secs_f64(),
                "entries": phase.entries,
                "leader_polls": phase.leader.polls,
                "leader_cpu_seconds_about": phase.leader_seconds(),
                "all_cpu_seconds": phase.processor,
                "leader_bytes_out": phase.leader.sent,
                "leader_bytes_in": phase.leader.received,
                "clients_bytes_out": phase.clients.sent,
            })
        };
        let phases: Vec<_> = self.phases.iter().map(phase).collect();
        json!({"instances": self.instances, "changed": self.changed, "phases": phases, "excesses": self.excesses()})
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::{Cost, Figures, Phase, Size};
    use std::time::Duration;

    fn figures(restart: u64, seconds: u64, bytes: u64) -> Figures {
        let phase = |name, entries, seconds| Phase {
            name,
            took: Duration::from_secs(seconds),
            entries,
            leader: Cost { sent: bytes, ..Cost::default() },
            clients: Cost::default(),
            processor: 1.0,
            polls: 10,
        };
        let size = Size { agents: 2, services: 5, each: 20 };
        Figures { size, instances: 43, changed: 2, phases: vec![phase("registering", 99, 9), phase("restart", restart, seconds)] }
    }

    #[test]
    fn a_restart_that_writes_what_did_not_change_takes_long_or_talks_too_much_is_a_storm() {
        assert_eq!(figures(17, 30, 1_000).excesses(), [""; 0]);
        assert!(figures(18, 30, 1_000).excesses()[0].contains("18 entries for 2 changes"));
        assert!(figures(10, 46, 1_000).excesses()[0].contains("agreement took"));
        assert!(figures(10, 30, 42_001).excesses()[0].contains("bytes"));
        assert!(Figures { instances: 42, ..figures(10, 30, 0) }.excesses()[0].contains("42 instances"));
    }
}
