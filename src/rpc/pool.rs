//! The calling side: one connection a peer.

use super::conn::{self, Side};
use super::counters::{Tally, count};
use super::queue::Queue;
use super::{CallError, Cause, Hello, Limits, Method};
use crate::runtime::{Runtime, timeout};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Calls to any number of peers. Clones share their connections, which end with the last clone.
pub struct Pool<R> {
    shared: Arc<Shared>,
    runtime: PhantomData<R>,
}

struct Shared {
    side: Arc<Side>,
    /// The newest connection of each peer. Ended ones are cleared out when another peer is added.
    connections: Mutex<BTreeMap<SocketAddr, Arc<Queue>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let connections = std::mem::take(self.connections.get_mut().expect("no panic while held"));
        for queue in connections.values() {
            queue.end(&Cause::Closed);
        }
    }
}

impl<R> Clone for Pool<R> {
    fn clone(&self) -> Pool<R> {
        Pool { shared: self.shared.clone(), runtime: PhantomData }
    }
}

impl<R: Runtime> Pool<R> {
    /// A pool without connections, whose peers will hear `hello`.
    pub fn new(hello: Hello, limits: Limits) -> Pool<R> {
        let side = Arc::new(Side { hello, limits, counters: super::Counters::default() });
        Pool { shared: Arc::new(Shared { side, connections: Mutex::default() }), runtime: PhantomData }
    }

    /// Calls `method` at `to` and waits up to `patience` for the reply, the time to connect included.
    ///
    /// Calls to one peer leave in the order they were made and are handled and answered in any. Dropping the future gives the call up.
    ///
    /// # Errors
    /// [`CallError::NotSent`] is safe to repeat elsewhere, [`CallError::Unknown`] is not, [`CallError::Refused`] is the handler's text.
    pub async fn call(&self, to: SocketAddr, method: Method, body: Bytes, patience: Duration) -> Result<Bytes, CallError> {
        let limits = &self.shared.side.limits;
        if body.len() > limits.frame {
            return Err(CallError::NotSent(Cause::TooLong { length: body.len(), limit: limits.frame }));
        }
        let until = R::now() + patience;
        let mut call = loop {
            // A connection can end between being found and being used; its successor is new.
            if let Some(call) = self.connection(to).begin(limits, method, body.clone(), until)? {
                break call;
            }
        };
        drop(body);
        match timeout::<R, _>(patience, call.reply()).await {
            Ok(reply) => reply,
            Err(_) => {
                count(&self.shared.side.counters.abandoned);
                Err(call.expire())
            }
        }
    }

    /// What has happened so far.
    pub fn tally(&self) -> Tally {
        self.shared.side.counters.tally()
    }

    fn connection(&self, to: SocketAddr) -> Arc<Queue> {
        let mut connections = self.shared.connections.lock().expect("no panic while held");
        match connections.get(&to) {
            Some(queue) if !queue.has_ended() => queue.clone(),
            Some(_) | None => {
                connections.retain(|_, queue| !queue.has_ended());
                let queue = Arc::new(Queue::new());
                connections.insert(to, queue.clone());
                drop(connections);
                drop(R::spawn(conn::run::<R>(queue.clone(), self.shared.side.clone(), to)));
                queue
            }
        }
    }
}
