//! What goes into the machine and what comes out.

use super::member::{Conflict, Event, Tags};
use super::question::{Ask, Question, Tally, Word};
use super::user_event::UserEvent;
use crate::config::GossipTuning;
use crate::model::{Datacenter, NodeName};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Logical times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clocks {
    /// Of events.
    pub events: u64,
    /// Of questions.
    pub questions: u64,
}

/// Whether a node that starts is known to the pool it looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Homecoming {
    /// It comes to a pool for the first time, or has left it in order: what was fired before is nothing to it.
    New,
    /// It was a member in an earlier life: what was fired since is told to it, and nothing it was told of before.
    Back,
}

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Our name, unique in the pool.
    pub name: NodeName,
    /// Where others reach us, UDP and TCP.
    pub addr: SocketAddr,
    /// Our tags.
    pub tags: Tags,
    /// Where our incarnation starts: above whatever an earlier life of this node has used.
    pub incarnation: u64,
    /// Up to which logical times an earlier life of this node was told of events and questions: ours go on from there.
    pub clocks: Clocks,
    /// See [`Homecoming`].
    pub homecoming: Homecoming,
    /// Members of another datacenter (tag `dc`) are refused. `None` lets everybody in (WAN).
    pub datacenter: Option<Datacenter>,
    /// SWIM's and Lifeguard's parameters.
    pub tuning: GossipTuning,
    /// Failed members are forgotten after this long (72 h).
    pub reconnect_timeout: Duration,
    /// Left members are forgotten after this long (24 h).
    pub tombstone_timeout: Duration,
    /// How long a leaving member waits after its news went out (3 s).
    pub leave_propagation: Duration,
    /// Seed of all the machine's chance.
    pub seed: u64,
}

/// A stream, named by whoever began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamId {
    /// Numbered by the machine.
    Dialed(u64),
    /// Numbered by the driver, never twice the same.
    Accepted(u64),
}

/// What can happen on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// It stands.
    Opened,
    /// A frame arrived.
    Frame(Bytes),
    /// It ended, or never came to be.
    Closed {
        /// Why, for the operator.
        reason: String,
    },
}

/// Whether a forced leave also forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// It stays listed as left until its tombstone expires.
    Keep,
    /// It vanishes from the member lists.
    Forget,
}

/// What can happen to the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// A datagram arrived.
    Datagram {
        /// From where.
        from: SocketAddr,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Something happened on a stream.
    Stream {
        /// Which.
        id: StreamId,
        /// What.
        event: StreamEvent,
    },
    /// Contact these addresses; answered by [`Output::Joined`].
    Join {
        /// Repeated in the answer.
        ticket: u64,
        /// Whom.
        addrs: Vec<SocketAddr>,
    },
    /// These were members in an earlier life: dial them until they are known.
    Remember {
        /// Where they were.
        addrs: Vec<SocketAddr>,
    },
    /// Leave in order; answered by [`Output::Departed`].
    Leave,
    /// A failed member is not coming back.
    ForceLeave {
        /// Who.
        name: NodeName,
        /// See [`Prune`].
        prune: Prune,
    },
    /// We have new tags.
    SetTags {
        /// All of them.
        tags: Tags,
    },
    /// Fire an event. Its logical time is set here. At most [`super::MAX_SAID`] bytes.
    Fire {
        /// Which.
        event: UserEvent,
    },
    /// Ask everybody; answered by [`Output::Said`] and [`Output::Finished`]. At most [`super::MAX_SAID`] bytes.
    Ask {
        /// Repeated in the answers.
        ticket: u64,
        /// What names it: random, never twice the same.
        id: u128,
        /// What.
        ask: Ask,
    },
    /// What this agent says to a question ([`Output::Asked`]). An answer has at most [`super::MAX_SAID`] bytes.
    Say {
        /// To which.
        question: Arc<Question>,
        /// What.
        word: Word,
    },
}

/// What the machine decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Send {
        /// Where to.
        to: SocketAddr,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Connect, and say so or say why not, within [`GossipTuning::tcp_timeout`].
    Dial {
        /// Names the stream from now on.
        id: StreamId,
        /// Where to.
        to: SocketAddr,
    },
    /// Write a frame.
    StreamSend {
        /// Where.
        id: StreamId,
        /// Its bytes.
        frame: Bytes,
    },
    /// Flush and close. The machine has forgotten the stream.
    StreamClose {
        /// Which.
        id: StreamId,
    },
    /// A member changed.
    Event(Event),
    /// Somebody was not let in, or claims what is ours.
    Conflict(Conflict),
    /// A join is done.
    Joined {
        /// The request's.
        ticket: u64,
        /// How many were contacted.
        contacted: usize,
        /// Who was not, and why.
        failures: Vec<(SocketAddr, String)>,
    },
    /// We have left, and everyone had time to hear it.
    Departed,
    /// An event, each at most once, our own too, after those its origin had been told of when it fired it. Whether it concerns us is for the agent to find
    /// out.
    Fired(Arc<UserEvent>),
    /// A question, each at most once, our own too: to be answered by [`Input::Say`].
    Asked(Arc<Question>),
    /// A member's word to a question of ours.
    Said {
        /// The question's.
        ticket: u64,
        /// Who.
        by: NodeName,
        /// What.
        word: Word,
    },
    /// Enough members have said their last word to a question of ours, or its time is over.
    Finished {
        /// The question's.
        ticket: u64,
        /// How many were asked, and who kept silent.
        tally: Tally,
    },
}
