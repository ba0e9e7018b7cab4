//! The handle on a running pool: cheap to clone, answers from a published view, changes through the driver's queue.

use super::asking::{Asker, Replies, asker};
use super::events::{Events, Subscribers};
use crate::gossip::{Ask, Member, Question, Stats, Tags, UserEvent, Word};
use crate::model::{Coordinate, NodeName};
use crate::runtime::Runtime;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Commands waiting for the driver; senders wait for room.
pub(super) const COMMAND_QUEUE: usize = 64;

/// What the handle asks of the driver.
#[derive(Debug)]
pub(super) enum Command {
    Join { addrs: Vec<SocketAddr>, reply: oneshot::Sender<Result<usize, JoinError>> },
    Leave { reply: oneshot::Sender<()> },
    ForceLeave { name: NodeName, prune: Prune, reply: oneshot::Sender<Result<(), UnknownMember>> },
    SetTags { tags: Tags, reply: oneshot::Sender<()> },
    Fire { event: UserEvent, reply: oneshot::Sender<()> },
    Ask { ask: Ask, asker: Asker },
    Say { question: Arc<Question>, word: Word },
    Coordinates { reply: oneshot::Sender<BTreeMap<NodeName, Coordinate>> },
    Stop { reply: oneshot::Sender<()> },
}

/// What is for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Public {
    /// An event, each at most once.
    Event(Arc<UserEvent>),
    /// A question, each at most once; answered by [`Pool::say`].
    Question(Arc<Question>),
}

pub use crate::gossip::Prune;

/// Nobody could be joined. The text lists every address with its reason, as Consul's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinError {
    /// Each address tried and why it failed.
    pub reasons: Vec<(SocketAddr, String)>,
}

impl std::fmt::Display for JoinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.reasons.len() == 1 { "error" } else { "errors" };
        writeln!(f, "{} {plural} occurred:", self.reasons.len())?;
        for (addr, reason) in &self.reasons {
            writeln!(f, "\t* Failed to join {addr}: {reason}")?;
        }
        writeln!(f)
    }
}

impl std::error::Error for JoinError {}

/// No member has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("No node found with name '{name}'")]
pub struct UnknownMember {
    /// The name asked for.
    pub name: NodeName,
}

/// What the driver publishes for readers.
#[derive(Debug)]
pub(super) struct Published {
    pub members: ArcSwap<Vec<Member>>,
    pub local: ArcSwap<Member>,
    pub stats: ArcSwap<Stats>,
    /// Datagrams that found the driver's queue full.
    pub dropped: std::sync::atomic::AtomicU64,
    /// Events and questions that the agent had no room for.
    pub unheard: std::sync::atomic::AtomicU64,
    /// Words to our questions that the asker had no room for.
    pub words_lost: std::sync::atomic::AtomicU64,
    /// Streams given up because the peer did not read.
    pub streams_overrun: std::sync::atomic::AtomicU64,
    pub subscribers: Subscribers,
}

/// A running pool. All clones speak of the same one; it ends with [`Pool::shutdown`].
#[derive(Debug)]
pub struct Pool<R: Runtime> {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) published: Arc<Published>,
    pub(super) addr: SocketAddr,
    pub(super) runtime: std::marker::PhantomData<R>,
}

impl<R: Runtime> Clone for Pool<R> {
    fn clone(&self) -> Pool<R> {
        Pool { commands: self.commands.clone(), published: self.published.clone(), addr: self.addr, runtime: self.runtime }
    }
}

impl<R: Runtime> Pool<R> {
    /// Every member known, ourselves included, sorted by name: a snapshot, no lock taken.
    pub fn members(&self) -> Arc<Vec<Member>> {
        self.published.members.load_full()
    }

    /// Ourselves.
    pub fn local(&self) -> Arc<Member> {
        self.published.local.load_full()
    }

    /// Where the sockets are bound (port 0 resolved).
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Counters and gauges, at most a second old.
    pub fn stats(&self) -> Arc<Stats> {
        self.published.stats.load_full()
    }

    /// What happens from now on. Read [`Pool::members`] after subscribing and before the first event.
    pub fn events(&self) -> Events {
        self.published.subscribers.subscribe()
    }

    /// Joins the pools of these addresses, all at once. Answers how many were contacted; fails if none was.
    pub async fn join(&self, addrs: &[SocketAddr]) -> Result<usize, JoinError> {
        let addrs = addrs.to_vec();
        let stopped = || JoinError { reasons: addrs.iter().map(|a| (*a, "the gossip pool is stopped".to_owned())).collect() };
        let asked = self.ask(|reply| Command::Join { addrs: addrs.clone(), reply }).await;
        asked.unwrap_or_else(|Stopped| Err(stopped()))
    }

    /// Leaves in order: tells the pool, waits until the news is out, then answers. The pool goes on answering peers until
    /// [`Pool::shutdown`], but takes no part any more.
    pub async fn leave(&self) {
        let _stopped_is_left = self.ask(|reply| Command::Leave { reply }).await;
    }

    /// Declares a failed member to have left. A live one refutes.
    pub async fn force_leave(&self, name: &NodeName, prune: Prune) -> Result<(), UnknownMember> {
        let asked = self.ask(|reply| Command::ForceLeave { name: name.clone(), prune, reply }).await;
        asked.unwrap_or_else(|Stopped| Err(UnknownMember { name: name.clone() }))
    }

    /// Replaces our tags and tells the pool.
    pub async fn set_tags(&self, tags: Tags) {
        let _moot_if_stopped = self.ask(|reply| Command::SetTags { tags, reply }).await;
    }

    /// Fires an event of at most [`crate::gossip::MAX_SAID`] bytes. It is on its way when this returns.
    pub async fn fire(&self, event: UserEvent) {
        let _moot_if_stopped = self.ask(|reply| Command::Fire { event, reply }).await;
    }

    /// Asks everybody a question of at most [`crate::gossip::MAX_SAID`] bytes. What comes back ends with [`super::Reply::End`]; at most two words a member.
    pub async fn question(&self, ask: Ask) -> Replies {
        let (asker, replies) = asker();
        let _ends_at_once_if_stopped = self.commands.send(Command::Ask { ask, asker }).await;
        replies
    }

    /// This agent's word to a question. An answer has at most [`crate::gossip::MAX_SAID`] bytes.
    pub async fn say(&self, question: Arc<Question>, word: Word) {
        let _moot_if_stopped = self.commands.send(Command::Say { question, word }).await;
    }

    /// Where we and the members that were probed lie.
    pub async fn coordinates(&self) -> BTreeMap<NodeName, Coordinate> {
        self.ask(|reply| Command::Coordinates { reply }).await.unwrap_or_default()
    }

    /// Ends the tasks and closes the sockets without a word to the pool; what is to be remembered is on disk when it returns.
    pub async fn shutdown(&self) {
        let _already_stopped = self.ask(|reply| Command::Stop { reply }).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

/// The driver is gone.
struct Stopped;
