//! What an operator should think about again.

use crate::model::{CheckDefinition, Probe, Tree};
use std::fmt;

/// Why the checks of a service say little about whether it does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lint {
    /// There is none: the service passes whatever it does.
    NoCheck,
    /// It only says itself that it is there.
    OnlyHeartbeat,
    /// It is only seen to have a port open.
    OnlyPort,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lint::NoCheck => "the service has no check: it passes as long as its node does, whether it works or not",
            Lint::OnlyHeartbeat => {
                "the service has only a heartbeat: that shows a process that runs, not one that does its work; add a check that asks for an answer"
            }
            Lint::OnlyPort => {
                "the service has only a check of its port: a process that hangs still accepts connections; add a check that asks for an answer"
            }
        })
    }
}

/// What a check proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    Heartbeat,
    Port,
    Answer,
}

/// What is to be said about a service with these checks, if anything.
pub fn lint<'a>(checks: impl IntoIterator<Item = &'a CheckDefinition>) -> Option<Lint> {
    of_proofs(checks.into_iter().filter_map(|check| proof(&check.probe)))
}

/// The same for who knows only the [`kind`](super::kind) of each check.
pub fn lint_kinds<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Option<Lint> {
    of_proofs(kinds.into_iter().filter_map(|kind| match kind {
        "ttl" => Some(Proof::Heartbeat),
        "tcp" | "udp" => Some(Proof::Port),
        "maintenance" => None,
        _ => Some(Proof::Answer),
    }))
}

fn of_proofs(proofs: impl Iterator<Item = Proof>) -> Option<Lint> {
    match proofs.max() {
        None => Some(Lint::NoCheck),
        Some(Proof::Heartbeat) => Some(Lint::OnlyHeartbeat),
        Some(Proof::Port) => Some(Lint::OnlyPort),
        Some(Proof::Answer) => None,
    }
}

fn proof(probe: &Probe) -> Option<Proof> {
    match probe {
        Probe::Ttl { .. } => Some(Proof::Heartbeat),
        Probe::Tcp { .. } | Probe::Udp { .. } => Some(Proof::Port),
        Probe::Script { .. }
        | Probe::Docker { .. }
        | Probe::Http(_)
        | Probe::Grpc { .. }
        | Probe::H2Ping { .. }
        | Probe::Alias { .. }
        | Probe::Native(_) => Some(Proof::Answer),
        Probe::Tree(tree) => proof_of_tree(tree),
        Probe::Maintenance => None,
    }
}

fn proof_of_tree(tree: &Tree) -> Option<Proof> {
    match tree {
        // All of them must hold, so the best decides; of any, the worst may do.
        Tree::All(parts) => parts.iter().filter_map(proof_of_tree).max(),
        Tree::Any(parts) => parts.iter().filter_map(proof_of_tree).min(),
        Tree::Leaf(leaf) => proof(&leaf.probe),
    }
}
