//! What the two kernels know of a connection.

use crate::world::Who;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

/// Number of a connection, from 1 in the order they were made.
pub type ConnectionId = u64;

/// Bytes one side may have sent that the other has not read: send and receive buffer together. Beyond, a write waits.
pub const WINDOW: usize = 256 * 1024;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SideOf {
    /// Who connected.
    Dialer,
    /// Who accepted.
    Acceptor,
}

impl SideOf {
    /// The other side.
    pub fn other(self) -> SideOf {
        match self {
            SideOf::Dialer => SideOf::Acceptor,
            SideOf::Acceptor => SideOf::Dialer,
        }
    }
}

/// What travels.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Content and its digest.
    Content(Bytes, u128),
    /// The sender writes no more.
    End,
    /// The sender's kernel knows no such connection.
    Reset,
}

/// Who holds a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A process has it open.
    Process,
    /// It was closed; the kernel still sends what is left.
    Kernel,
    /// The machine lost power: nobody knows of it.
    Nobody,
}

/// One side of a connection.
#[derive(Debug)]
pub struct Side {
    /// Its host.
    pub who: Who,
    /// Its address.
    pub addr: SocketAddr,
    /// Who holds it.
    pub holder: Holder,
    /// What arrived and was not read.
    pub inbox: VecDeque<Bytes>,
    /// The other side's end arrived.
    pub ended: bool,
    /// The connection is broken: what reads and writes are told after the inbox.
    pub broken: Option<io::ErrorKind>,
    /// The reading task.
    pub reader: Option<Waker>,
    /// The writing task, waiting for room.
    pub writer: Option<Waker>,
    /// This side has sent its end.
    pub finished: bool,
    /// Bytes sent that the other side has not read, as far as this side knows.
    pub outstanding: usize,
    /// Bytes the other side has read while its acknowledgements could not get through.
    pub unacknowledged: usize,
    /// What could not get through, to be sent again in order.
    pub stalled: VecDeque<Segment>,
    /// The present retransmission timeout; `None` when everything gets through.
    pub backoff: Option<Duration>,
    /// Latest arrival of anything sent: a stream stays in order.
    pub latest_arrival: u64,
}

impl Side {
    fn new(who: Who, addr: SocketAddr) -> Side {
        Side {
            who,
            addr,
            holder: Holder::Process,
            inbox: VecDeque::new(),
            ended: false,
            broken: None,
            reader: None,
            writer: None,
            finished: false,
            outstanding: 0,
            unacknowledged: 0,
            stalled: VecDeque::new(),
            backoff: None,
            latest_arrival: 0,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    dialer: Side,
    acceptor: Side,
}

impl Connection {
    /// One side.
    pub fn side(&mut self, side: SideOf) -> &mut Side {
        match side {
            SideOf::Dialer => &mut self.dialer,
            SideOf::Acceptor => &mut self.acceptor,
        }
    }

    /// Hosts from one side to the other.
    pub fn way(&mut self, from: SideOf) -> (Who, Who) {
        (self.side(from).who, self.side(from.other()).who)
    }

    /// Whether no process holds it any more.
    pub fn is_abandoned(&self) -> bool {
        self.dialer.holder != Holder::Process && self.acceptor.holder != Holder::Process
    }
}

/// All connections.
#[derive(Debug, Default)]
pub struct Connections {
    all: BTreeMap<ConnectionId, Connection>,
    made: u64,
}

impl Connections {
    /// Makes a connection between two addresses.
    pub fn open(&mut self, dialer: (Who, SocketAddr), acceptor: (Who, SocketAddr)) -> ConnectionId {
        self.made += 1;
        let connection = Connection { dialer: Side::new(dialer.0, dialer.1), acceptor: Side::new(acceptor.0, acceptor.1) };
        self.all.insert(self.made, connection);
        self.made
    }

    /// A connection, unless it is gone.
    pub fn find(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.all.get_mut(&id)
    }

    /// Forgets a connection.
    pub fn forget(&mut self, id: ConnectionId) -> Option<Connection> {
        self.all.remove(&id)
    }

    /// Both sides of every connection that ends at `who` and is held by a process there.
    pub fn held_by(&mut self, who: Who) -> Vec<(ConnectionId, SideOf)> {
        let mut held = Vec::new();
        for (id, connection) in &mut self.all {
            for side in [SideOf::Dialer, SideOf::Acceptor] {
                let this = connection.side(side);
                if this.who == who && this.holder == Holder::Process {
                    held.push((*id, side));
                }
            }
        }
        held
    }

    /// Connections there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }
}
