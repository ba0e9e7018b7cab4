//! Faults planted on purpose, and what must notice them: a checker that never fires is worth nothing.
//!
//! Each takes one safety measure out of force. Played over its seeds, at least so many runs must be judged wrong, and by the promise named
//! here; with everything in force none may.

use muster::raft::{Controls, Guard};

/// What keeps its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// What was synced outlives a power loss.
    Honest,
    /// It is answered before anything is on the platter.
    Lying,
    /// Only by the disks of client agents.
    LyingOnClients,
}

/// A planted fault.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// What `--plant` calls it.
    pub name: &'static str,
    /// What is wrong then.
    pub about: &'static str,
    /// The scenario that gives it an occasion.
    pub scenario: &'static str,
    /// The servers' safety measures.
    pub controls: Controls,
    /// The agents' disks.
    pub fsync: Fsync,
    /// Promises of which at least one is seen broken in a run that is caught.
    pub caught_by: &'static [&'static str],
    /// Seeds to play, from 0.
    pub seeds: u64,
    /// In how many of them it has to be caught.
    pub at_least: u64,
}

/// All of them.
pub const ALL: &[Planted] = &[
    Planted {
        name: "unproven-reads",
        about: "default reads are answered without proof of leadership, so a deposed leader answers from what it has",
        scenario: "chaos",
        controls: Controls { read_proof: Guard::Off, ..Controls::SAFE },
        fsync: Fsync::Honest,
        caught_by: &["K2-real-time-order", "linearizability"],
        seeds: 100,
        at_least: 10,
    },
    Planted {
        name: "lying-fsync",
        about: "disks answer a sync before anything is on the platter, so a power loss takes all a server was, its identity included",
        scenario: "chaos",
        controls: Controls::SAFE,
        fsync: Fsync::Lying,
        caught_by: &[
            "R9-acknowledged-is-committed",
            "R3-log-matching",
            "R5-state-machine-safety",
            "R4-leader-completeness",
            "R2-one-vote",
            "R12-liveness",
            "panic",
        ],
        seeds: 30,
        at_least: 5,
    },
    Planted {
        name: "leader-restore",
        about: "a restarted leader that lost the end of its log goes on in its old term and writes other entries at committed indexes",
        scenario: "chaos",
        controls: Controls { election_after_restart: Guard::Off, ..Controls::SAFE },
        fsync: Fsync::Honest,
        caught_by: &["R3-log-matching", "R9-acknowledged-is-committed", "R5-state-machine-safety", "K2-real-time-order", "linearizability"],
        seeds: 300,
        at_least: 2,
    },
    Planted {
        name: "no-vote-fence",
        about: "a restarted server votes at once although it promised a leader not to: that leader, cut off, answers from its lease",
        scenario: "promise",
        controls: Controls { vote_fence: Guard::Off, ..Controls::SAFE },
        fsync: Fsync::Honest,
        caught_by: &["K2-real-time-order", "linearizability"],
        seeds: 20,
        at_least: 16,
    },
    Planted {
        name: "hasty-deaths",
        about: "a leader believes every death its pool knows of at once: one that was cut off itself hides the whole datacenter",
        scenario: "comeback",
        controls: Controls { death_doubt: Guard::Off, ..Controls::SAFE },
        fsync: Fsync::Honest,
        caught_by: &["C2-living-stays"],
        seeds: 20,
        at_least: 10,
    },
    Planted {
        name: "lying-agents",
        about: "disks of client agents answer a sync before anything is on the platter, so a power loss takes what was registered, and who they are",
        scenario: "catalog",
        controls: Controls::SAFE,
        fsync: Fsync::LyingOnClients,
        caught_by: &["C1-critical-leaves", "C3-catalog-is-union", "C4-registration-kept"],
        seeds: 60,
        at_least: 4,
    },
    Planted {
        name: "unproven-feeds",
        about: "default reads are answered without proof of leadership: who reads anew or fetches an archive at a deposed leader gets an old state",
        scenario: "changes",
        controls: Controls { read_proof: Guard::Off, ..Controls::SAFE },
        fsync: Fsync::Honest,
        caught_by: &["S1-archive-is-its-index", "K1-linearizable", "K6-one-state", "W3-read-anew"],
        seeds: 60,
        at_least: 4,
    },
];

impl Planted {
    /// The planted fault called `name`.
    pub fn named(name: &str) -> Option<&'static Planted> {
        ALL.iter().find(|planted| planted.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Fsync, Planted};
    use muster::raft::{Controls, Guard};

    #[test]
    fn each_planted_fault_is_one_measure_out_of_force_and_says_who_notices() {
        for planted in ALL {
            let Controls { vote_fence, election_after_restart, read_proof, death_doubt } = planted.controls;
            let off = [vote_fence, election_after_restart, read_proof, death_doubt].iter().filter(|g| **g == Guard::Off).count();
            assert_eq!(off + usize::from(planted.fsync != Fsync::Honest), 1, "{}", planted.name);
            assert!(!planted.caught_by.is_empty() && planted.at_least > 0 && planted.at_least <= planted.seeds, "{}", planted.name);
            assert_eq!(Planted::named(planted.name).unwrap().name, planted.name);
        }
    }
}
