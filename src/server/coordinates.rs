//! Coordinates on their way: each agent says now and then where it lies, the leader gathers that and writes it down in batches.

use super::Agent;
use super::requests::{Repeat, Step, Target};
use super::wire::{Operation, Refusal, Request, Response};
use crate::gossip::MemberStatus;
use crate::model::NodeName;
use crate::runtime::{Runtime, sleep};
use crate::state::Command;
use crate::state::coordinates::Located;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// Updates a second that the servers are meant to see of all agents together.
const RATE: f64 = 64.0;
/// An agent says where it lies at most so often.
const INTERVAL_MIN: Duration = Duration::from_secs(15);
/// How long the leader gathers.
pub(super) const GATHER: Duration = Duration::from_secs(5);
/// Updates in one entry of the log.
const BATCH: usize = 128;
/// Entries at once. What comes beyond that waits for its sender's next turn.
const BATCHES: usize = 5;
/// Patience with a server asked for what it knows itself.
const ASK: Duration = Duration::from_secs(2);

/// What the leader has gathered, the newest of each node.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    said: Mutex<BTreeMap<NodeName, Located>>,
}

impl Gathered {
    /// Takes one, unless there are too many already.
    fn take(&self, located: Located) {
        let mut said = self.said.lock().expect("no panic while held");
        if said.len() < BATCH * BATCHES || said.contains_key(&located.node) {
            said.insert(located.node.clone(), located);
        } else {
            tracing::debug!(node = %located.node, "too many coordinates at once: left out until it is said again");
        }
    }

    /// The entries to be written, oldest name first; nothing is left behind.
    pub fn batches(&self) -> Vec<Command> {
        let said: Vec<Located> = std::mem::take(&mut *self.said.lock().expect("no panic while held")).into_values().collect();
        said.chunks(BATCH).map(|batch| Command::Locate(batch.to_vec())).collect()
    }
}

impl<R: Runtime> Agent<R> {
    /// Says where this agent lies, for as long as it lives; seldom enough that the servers are not flooded, however many agents there are.
    pub(super) async fn say_where_it_lies(&self) {
        loop {
            let alive = self.lan().members().iter().filter(|member| member.status == MemberStatus::Alive).count();
            let interval = INTERVAL_MIN.max(Duration::from_secs_f64(alive as f64 / RATE));
            sleep::<R>(interval + interval.mul_f64(R::random() as f64 / u64::MAX as f64)).await;
            let coordinates = self.lan().coordinates().await;
            let node = self.config().node_name.clone();
            let Some(coordinate) = coordinates.get(&node).copied() else { continue };
            if let Err(error) = self.locate(Located { node, coordinate }).await {
                tracing::debug!(%error, "where this agent lies was not told");
            }
        }
    }

    /// Has the leader note where a node lies, with its next batch.
    pub(super) async fn locate(&self, located: Located) -> Result<(), Refusal> {
        self.operate(Operation::Locate(located), None).await.map(drop)
    }

    /// The leader's part.
    pub(super) fn note_location(&self, located: Located) {
        self.0.gathered.take(located);
    }

    /// Where the servers of all datacenters lie, as the nearest server knows it: datacenter, and the server by its name there.
    pub(super) async fn servers_in_wan(&self) -> Result<Vec<(String, Located)>, Refusal> {
        match self.route_to_any()? {
            Target::Here(_) => Ok(self.servers_in_wan_here().await),
            Target::There { addr, .. } => match self.ask(addr, &Request::WanCoordinates, Repeat::Always, ASK).await {
                Step::Done(Ok(Response::WanCoordinates(servers))) => Ok(servers),
                Step::Done(Ok(other)) => {
                    tracing::error!(?other, "a server answered with a response of another kind");
                    Err(Refusal::Unknown("response of another kind".to_owned()))
                }
                Step::Done(Err(refusal)) => Err(refusal),
                Step::Again => Err(Refusal::NoServers),
            },
            Target::Nobody => Err(Refusal::NoServers),
        }
    }

    pub(super) async fn servers_in_wan_here(&self) -> Vec<(String, Located)> {
        let Some(wan) = self.wan() else { return Vec::new() };
        let coordinates = wan.coordinates().await;
        let members = wan.members();
        let located = members.iter().filter_map(|member| {
            let coordinate = *coordinates.get(member.name())?;
            let datacenter = member.tag("dc")?;
            let node = member.name().as_str().strip_suffix(datacenter)?.strip_suffix('.')?;
            Some((datacenter.to_owned(), Located { node: NodeName::parse(node).ok()?, coordinate }))
        });
        located.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH, BATCHES, Gathered, Located};
    use crate::model::{Coordinate, NodeName};
    use crate::state::Command;

    fn located(n: usize, height: f64) -> Located {
        let coordinate = Coordinate { vec: [0.0; 8], error: 1.5, adjustment: 0.0, height };
        Located { node: NodeName::parse(&format!("n{n:04}")).unwrap(), coordinate }
    }

    #[test]
    fn the_newest_of_each_node_goes_into_few_entries() {
        let gathered = Gathered::default();
        (0..200).for_each(|n| gathered.take(located(n, 1.0)));
        gathered.take(located(7, 2.0));
        let batches = gathered.batches();
        let sizes: Vec<usize> = batches.iter().map(|one| if let Command::Locate(said) = one { said.len() } else { 0 }).collect();
        assert_eq!(sizes, [BATCH, 200 - BATCH]);
        assert!(matches!(&batches[0], Command::Locate(said) if said[7] == located(7, 2.0)));
        assert!(gathered.batches().is_empty());
    }

    #[test]
    fn what_is_too_much_waits_for_its_next_turn() {
        let gathered = Gathered::default();
        (0..BATCH * BATCHES + 9).for_each(|n| gathered.take(located(n, 1.0)));
        gathered.take(located(0, 3.0));
        let said: usize = gathered.batches().iter().map(|one| if let Command::Locate(said) = one { said.len() } else { 0 }).sum();
        assert_eq!(said, BATCH * BATCHES);
    }
}
