//! The record: the bugs of etcd 3 that broke a promise to clients, as its own reports tell them, and two complaints about its leases.

use super::{Bug, Counterpart, Runs, on_short_logs, under};
use crate::fault::Kind::{Clock, Delay, DiskFull, Freeze, Loss, OneWay, Partition, PowerLoss, ProcessCrash};
use crate::slant::{Logs, Slant};

/// All of them, by number.
pub const RECORD: &[Bug] = &[
    Bug {
        number: 12_528,
        what: "a leader that had stepped down went on revoking leases",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-12528",
            scenario: "locks",
            slant: under(&[Partition, OneWay, Delay]),
            judged_by: &["L4-never-early", "L7-key-never-early", "L2-mutual-exclusion"],
            about: "leaders that are cut off: a deposed one ends no session and no key",
        }),
    },
    Bug {
        number: 13_766,
        what: "after a crash under load the members differed",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-13766",
            scenario: "chaos",
            slant: under(&[ProcessCrash, PowerLoss]),
            judged_by: &["R5-state-machine-safety", "R3-log-matching", "R12-liveness"],
            about: "servers killed and without power under load: digests of their states are equal at every index",
        }),
    },
    Bug {
        number: 14_370,
        what: "a cluster of one member lost an acknowledged write in a crash",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-14370",
            scenario: "chaos",
            slant: Slant { servers: Some(1), kinds: &[ProcessCrash, PowerLoss, DiskFull], logs: Logs::Drawn },
            judged_by: &["R9-acknowledged-is-committed", "K2-real-time-order", "linearizability"],
            about: "a lone server whose disk loses or tears what was not synced: no acknowledged write is lost",
        }),
    },
    Bug {
        number: 14_571,
        what: "with permissions turned on, a restored member differed from the others",
        counterpart: Counterpart::None("the replicated state holds no permissions that a snapshot could leave out"),
    },
    Bug {
        number: 14_685,
        what: "a crash while the file was defragmented lost data",
        counterpart: Counterpart::None("nothing is defragmented: the state lies in memory, and segments of the log are removed whole"),
    },
    Bug {
        number: 15_220,
        what: "a watch was told that all up to a revision had been sent before it had",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-15220",
            scenario: "changes",
            slant: under(&[Delay, Loss, Freeze]),
            judged_by: &["W1-stream-by-the-log"],
            about: "signs of life on slow streams: each says no more than was told",
        }),
    },
    Bug {
        number: 15_247,
        what: "a leader whose disk stood still revoked every lease when it went on",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-15247",
            scenario: "locks",
            slant: under(&[Freeze]),
            judged_by: &["L4-never-early", "L7-key-never-early", "L2-mutual-exclusion"],
            about: "frozen leaders: what nobody could renew meanwhile is not ended",
        }),
    },
    Bug {
        number: 15_271,
        what: "after a partition a watch went back in time",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-15271",
            scenario: "changes",
            slant: under(&[Partition, OneWay]),
            judged_by: &["W1-stream-by-the-log"],
            about: "followers of servers that are cut off, and that come to another: nothing older is told",
        }),
    },
    Bug {
        number: 17_247,
        what: "a watch that was resumed was told events twice",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-17247",
            scenario: "changes",
            slant: under(&[ProcessCrash, PowerLoss]),
            judged_by: &["W1-stream-by-the-log"],
            about: "followers whose server dies: they go on elsewhere behind the last event",
        }),
    },
    Bug {
        number: 17_529,
        what: "a watch that was starved lost events",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-17529",
            scenario: "changes",
            slant: on_short_logs(&[Freeze, Delay]),
            judged_by: &["W1-stream-by-the-log", "W2-gap", "W4-arrival"],
            about: "followers that read slowly, of servers that stand still: what is missed is told as a gap",
        }),
    },
    Bug {
        number: 17_780,
        what: "after a crash during compaction the revision went down",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-17780",
            scenario: "chaos",
            slant: on_short_logs(&[ProcessCrash, PowerLoss, DiskFull]),
            judged_by: &["R8-monotonic", "K3-stale-order", "B3-index-rises", "R5-state-machine-safety"],
            about: "crashes while snapshots are written and the log behind them is cut off: no index goes down",
        }),
    },
    Bug {
        number: 18_055,
        what: "two snapshots close to each other made a member panic",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-18055",
            scenario: "changes",
            slant: on_short_logs(&[ProcessCrash, Partition]),
            judged_by: &["panic", "R5-state-machine-safety", "S1-archive-is-its-index"],
            about: "snapshots written, sent, fetched and restored all at once",
        }),
    },
    Bug {
        number: 18_089,
        what: "a watch lost the event of a deletion at the very revision that was compacted",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-18089",
            scenario: "changes",
            slant: on_short_logs(&[ProcessCrash]),
            judged_by: &["W1-stream-by-the-log", "W2-gap", "W3-read-anew"],
            about: "followers that stand right where the memory of a server that came back begins",
        }),
    },
    Bug {
        number: 18_667,
        what: "members differed after a transaction that read a compacted revision",
        counterpart: Counterpart::None("a transaction cannot read the past, and what is remembered of it is no part of the state"),
    },
    Bug {
        number: 19_179,
        what: "a watch lost deletions while revisions were compacted",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-19179",
            scenario: "changes",
            slant: on_short_logs(&[Clock, ProcessCrash]),
            judged_by: &["W1-stream-by-the-log", "W2-gap", "W3-read-anew"],
            about: "clocks that jump ahead, so that all of the past is forgotten at once",
        }),
    },
    Bug {
        number: 20_221,
        what: "a watch from a revision still to come was told older events (twice: the first mend left a case)",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-20221",
            scenario: "changes",
            slant: under(&[Partition, ProcessCrash, Freeze]),
            judged_by: &["W1-stream-by-the-log", "W5-future"],
            about: "followers that name an index which nobody has reached are refused, or hear only what comes after it",
        }),
    },
    Bug {
        number: 20_271,
        what: "a page of the data file was used after it had been freed",
        counterpart: Counterpart::None("there is no file of pages: the state is rebuilt from a snapshot and a checksummed log"),
    },
    Bug {
        number: 20_418,
        what: "a member that had stood still answered a linearizable read from before",
        counterpart: Counterpart::Runs(Runs {
            name: "etcd-20418",
            scenario: "chaos",
            slant: under(&[Freeze]),
            judged_by: &["K2-real-time-order", "linearizability"],
            about: "leaders that stand still and go on: no default or consistent read is old",
        }),
    },
];
