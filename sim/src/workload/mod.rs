//! Users of a cluster: programs on machines of their own that speak HTTP to any agent, many at once on a few keys.
//!
//! What each of them does is drawn from the seed ([`Work`]); what they asked and were told is written down ([`Recording`]) for the
//! checker and the invariants. Every value is written once. Nothing is assumed of a request without an answer.

mod answer;
mod asking;
mod connection;
mod promise;
mod recording;
mod trial;
pub mod txn;
mod user;
mod work;

pub use asking::{Asking, Went};
pub use connection::{Connection, Feed, More, Reply, Silence};
pub use promise::forgotten_promise;
pub use recording::{Recorder, Recording};
pub use trial::trials;
pub use work::{Deed, Work};

use crate::checker::Nanos;
use crate::nodes::Nodes;
use crate::runtime::JoinHandle;
use crate::world;

/// Starts all users of `work`; they stop asking at `until`, and their tasks end with the answer, or its absence, to the last request.
pub fn start(nodes: &Nodes, work: &Work, recorder: &Recorder, until: Nanos) -> Vec<JoinHandle<()>> {
    let clients = 1..=work.clients;
    clients
        .map(|client| {
            let machine = work.users[(client as usize - 1) % work.users.len()];
            nodes.spawn(machine, user::live(client, work.clone(), recorder.clone(), until))
        })
        .collect()
}

/// True time.
fn now() -> Nanos {
    world::with(|w| w.now())
}

#[cfg(test)]
mod tests;
