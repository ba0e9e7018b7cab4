//! What becomes of writes.

use super::belief::{Belief, Read};
use super::compare::service_of;
use super::due::Due;
use super::machine::AntiEntropy;
use super::plan::Sent;
use super::words::{Outcome, Output, Subject, Write};
use crate::model::Instant;

impl AntiEntropy {
    pub(super) fn written(&mut self, now: Instant, write: Write, outcome: Outcome) {
        let Some(sent) = self.under_way.remove(&write) else { return };
        match &outcome {
            Outcome::Done | Outcome::Refused(_) => self.numbers.arrived(write),
            Outcome::Superseded { life } => self.numbers.outlive(*life),
            Outcome::Unknown => self.numbers.given_up(),
        }
        if let Some(fetch) = self.numbers.take_barrier(write) {
            match outcome {
                Outcome::Unknown => self.fetch_failed(now, fetch),
                Outcome::Done | Outcome::Refused(_) | Outcome::Superseded { .. } => self.begin_fetch(fetch),
            }
            return;
        }
        for subject in sent.iter().map(Sent::subject) {
            self.busy.remove(&subject);
            if self.pace.fetching().is_some() {
                self.tainted.insert(subject);
            }
        }
        match outcome {
            Outcome::Done => self.done(now, sent),
            Outcome::Refused(reason) => self.refused(sent, reason),
            Outcome::Superseded { .. } => self.superseded(now, sent),
            Outcome::Unknown => self.lost(now, sent),
        }
    }

    fn done(&mut self, now: Instant, sent: Vec<Sent>) {
        for sent in sent {
            self.refused.remove(&sent.subject());
            match sent {
                Sent::Node(row) => {
                    self.beliefs.node = Belief::Is { row, since: now };
                    if self.beliefs.read == Read::Never {
                        // The name is ours: now it can be seen what else is there.
                        self.pace.by(now);
                    }
                }
                Sent::Service(id, row) => {
                    self.beliefs.services.insert(id, row.map_or(Belief::Absent, |row| Belief::Is { row, since: now }));
                }
                Sent::Check(id, row) => {
                    self.beliefs.checks.insert(id, row.map_or(Belief::Absent, |row| Belief::Is { row, since: now }));
                }
            }
        }
        let held = std::mem::take(&mut self.held);
        self.due.merge(held);
    }

    fn refused(&mut self, sent: Vec<Sent>, reason: String) {
        let about = sent.iter().rev().map(Sent::subject).find(|subject| matches!(subject, Subject::Service(_)));
        let about = about.or_else(|| sent.last().map(Sent::subject));
        let known = about.as_ref().is_some_and(|about| self.refused.get(about) == Some(&reason));
        for sent in sent {
            self.doubt(&sent);
            self.refused.insert(sent.subject(), reason.clone());
        }
        if let Some(subject) = about.filter(|_| !known) {
            self.outputs.push_back(Output::Refused { subject, reason });
        }
    }

    fn lost(&mut self, now: Instant, sent: Vec<Sent>) {
        let again = self.again(sent);
        self.held.merge(again);
        let due = std::mem::take(&mut self.due);
        self.held.merge(due);
        self.pace.retry(now, &mut self.rng);
    }

    /// Another life had begun, or the node was removed: it is written again at once, and what else is amiss is found.
    fn superseded(&mut self, now: Instant, sent: Vec<Sent>) {
        let again = self.again(sent);
        self.due.merge(again);
        self.beliefs.node = Belief::Unknown;
        self.pace.by(now);
    }

    /// What has to be written again because nobody knows any more what the catalog holds there.
    fn again(&mut self, sent: Vec<Sent>) -> Due {
        let mut again = Due::default();
        for sent in sent {
            self.doubt(&sent);
            match sent {
                Sent::Node(_) => again.node = true,
                Sent::Service(id, _) => again.add_service(&id),
                Sent::Check(id, _) => {
                    let service = self.view.checks.get(&id).and_then(|check| service_of(&check.definition.service_id));
                    again.add_check(&id, service);
                }
            }
        }
        again
    }

    /// Nobody knows any more what the catalog holds there.
    fn doubt(&mut self, sent: &Sent) {
        match sent {
            Sent::Node(_) => self.beliefs.node = Belief::Unknown,
            Sent::Service(id, _) => {
                self.beliefs.services.insert(id.clone(), Belief::Unknown);
            }
            Sent::Check(id, _) => {
                self.beliefs.checks.insert(id.clone(), Belief::Unknown);
            }
        }
    }
}
