//! Whether two answers of one query have the same rows, without keeping the first.

use super::{Instance, Rows, WholeNode};
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::Service;
use std::hash::{DefaultHasher, Hash, Hasher};

/// 128 bits of an answer's rows. A row is told by its key and the index of its last change: the state never has two rows with both the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(u64, u64);

/// Two hashes at once that begin differently.
struct Digest(DefaultHasher, DefaultHasher);

impl Digest {
    fn new() -> Digest {
        let (one, mut other) = (DefaultHasher::new(), DefaultHasher::new());
        other.write_u64(u64::MAX);
        Digest(one, other)
    }

    fn add<T: Hash>(&mut self, value: T) {
        value.hash(&mut self.0);
        value.hash(&mut self.1);
    }

    fn node(&mut self, node: &Node) {
        self.add((node.spec.name.as_str(), node.modify_index));
    }

    fn service(&mut self, service: &Service) {
        self.add((service.folded_node(), service.id(), service.modify_index()));
    }

    fn check(&mut self, check: &Check) {
        self.add((check.folded_node(), check.id(), check.modify_index()));
    }

    fn whole(&mut self, found: &WholeNode) {
        self.node(&found.node);
        self.add(found.services.len());
        found.services.iter().for_each(|service| self.service(service));
        found.checks.iter().for_each(|check| self.check(check));
    }

    fn instance(&mut self, instance: &Instance) {
        self.node(&instance.node);
        self.add((instance.service.id(), instance.service.modify_index(), instance.checks.len()));
        for check in &instance.checks {
            self.add((check.id(), check.modify_index()));
        }
    }
}

impl Fingerprint {
    /// Of rows of the catalog and of sessions. `None` for the others: a change of the KV store is news whatever it leads to, as in Consul.
    pub(super) fn of(rows: &Rows) -> Option<Fingerprint> {
        let mut digest = Digest::new();
        match rows {
            Rows::Entry(_) | Rows::Entries(_) | Rows::Keys(_) | Rows::Autopilot(_) | Rows::Absent | Rows::Txn(_) => return None,
            Rows::Sessions(sessions) => sessions.iter().for_each(|session| digest.add((session.id, session.modify_index))),
            Rows::Changes { .. } | Rows::OutsideWindow(_) | Rows::PreparedQueries(_) | Rows::Executed(_) | Rows::Explained(_) => {
                return None;
            }
            Rows::Nodes(nodes) => nodes.iter().for_each(|node| digest.node(node)),
            Rows::Checks(checks) => checks.iter().for_each(|check| digest.check(check)),
            Rows::ServiceNames(names) => names.iter().for_each(|(name, tags)| digest.add((name, tags))),
            Rows::Instances(instances) => instances.iter().for_each(|instance| digest.instance(instance)),
            Rows::NodeServices(None) | Rows::WholeNode(None) => digest.add(u64::MAX),
            Rows::NodeServices(Some(found)) => {
                digest.node(&found.node);
                found.services.iter().for_each(|service| digest.service(service));
            }
            Rows::WholeNode(Some(found)) => digest.whole(found),
            Rows::WholeNodes(nodes) => nodes.iter().for_each(|found| digest.whole(found)),
        }
        Some(Fingerprint(digest.0.finish(), digest.1.finish()))
    }
}
