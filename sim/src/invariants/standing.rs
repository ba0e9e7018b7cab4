//! S3: at the end every server has what the log makes of keys, sessions and what ends by itself; after a restore, of the archive and of everything
//! that came later.

use super::Violation;
use super::board::{self, Board};
use super::observation::Applied;
use crate::checker::Nanos;
use crate::cluster::Cluster;
use crate::whole_agent::WholeAgent;
use crate::world::Who;
use muster::model::Index;

/// What a server had when the run ended.
#[derive(Debug, Clone)]
pub struct End {
    /// Which.
    pub server: Who,
    /// The last entry it had applied.
    pub log: Index,
    /// What it had.
    pub board: Board,
}

impl End {
    /// Of every server that runs.
    pub fn of_all(cluster: &Cluster<WholeAgent>) -> Vec<End> {
        let end = |(server, agent): (Who, WholeAgent)| {
            let view = agent.0.raft()?.view();
            Some(End { server, log: view.log, board: Board::of(&view.state) })
        };
        cluster.agents().into_iter().filter_map(end).collect()
    }
}

pub(super) fn violations(ends: &[End], applied: &[Applied], at: Nanos) -> Vec<Violation> {
    let mut found = Vec::new();
    board::play(applied, |entry, board, _| {
        for end in ends.iter().filter(|end| end.log == entry.index) {
            if let Some(differs) = board.difference(&end.board) {
                let says = format!("at entry {} of {}: {differs}", end.log, end.server);
                found.push(Violation { id: "S3-state-by-the-log", says, at });
            }
        }
    });
    found
}
