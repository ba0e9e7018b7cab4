//! How content gets from one side to the other, and what stops it.

use super::connection::{Connection, ConnectionId, Holder, Segment, SideOf};
use crate::trace::Entry;
use crate::world::{Event, FIRST_RETRANSMISSION, Host, Power, Who, World};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Longest retransmission timeout, as Linux's TCP_RTO_MAX.
const LONGEST_BACKOFF: Duration = Duration::from_secs(120);

/// Sends `segment` from one side. What does not get through is sent again by [`retransmit`].
pub(super) fn send(w: &mut World, id: ConnectionId, from: SideOf, segment: Segment) {
    let Some(connection) = w.connections.find(id) else { return };
    let (me, peer) = connection.way(from);
    let side = connection.side(from);
    if side.backoff.is_some() {
        side.stalled.push_back(segment);
    } else if w.reaches(me, peer) {
        fly(w, id, from, segment);
    } else {
        stall(w, id, from, segment);
    }
}

fn fly(w: &mut World, id: ConnectionId, from: SideOf, segment: Segment) {
    let now = w.now();
    let Some((me, peer)) = w.connections.find(id).map(|c| c.way(from)) else { return };
    let latency = w.weather.segment_latency(me, peer);
    let Some(connection) = w.connections.find(id) else { return };
    let side = connection.side(from);
    side.latest_arrival = (now + latency).max(side.latest_arrival + 1);
    let at = side.latest_arrival;
    w.schedule(at, Event::Segment { id, side: from.other(), segment });
}

fn stall(w: &mut World, id: ConnectionId, from: SideOf, segment: Segment) {
    let Some(connection) = w.connections.find(id) else { return };
    let side = connection.side(from);
    side.stalled.push_back(segment);
    if side.backoff.is_none() {
        side.backoff = Some(FIRST_RETRANSMISSION);
        w.schedule_after(FIRST_RETRANSMISSION, Event::Retransmission { id, side: from });
    }
}

/// A side tries again: everything that stalled goes out if the way is open by now, and acknowledgements with it.
pub(crate) fn retransmit(w: &mut World, id: ConnectionId, from: SideOf) {
    let Some(connection) = w.connections.find(id) else { return };
    let (me, peer) = connection.way(from);
    let side = connection.side(from);
    let Some(backoff) = side.backoff.filter(|_| side.holder != Holder::Nobody) else { return };
    let open = w.reaches(me, peer) && w.reaches(peer, me);
    w.record(me, Entry::plain("tcp.retransmit", id, u64::from(open)));
    let Some(connection) = w.connections.find(id) else { return };
    let side = connection.side(from);
    if !open {
        let longer = (backoff * 2).min(LONGEST_BACKOFF);
        side.backoff = Some(longer);
        w.schedule_after(longer, Event::Retransmission { id, side: from });
        return;
    }
    side.backoff = None;
    let stalled = std::mem::take(&mut side.stalled);
    side.outstanding -= std::mem::take(&mut side.unacknowledged);
    let writer = side.writer.take();
    w.wake_any(writer);
    for segment in stalled {
        send(w, id, from, segment);
    }
}

/// The reading side has taken `bytes`; the other may send as many more, if it hears of it.
pub(super) fn acknowledge(w: &mut World, id: ConnectionId, reader: SideOf, bytes: usize) {
    let sender = reader.other();
    let Some((me, peer)) = w.connections.find(id).map(|c| c.way(reader)) else { return };
    let heard = w.reaches(me, peer);
    let Some(connection) = w.connections.find(id) else { return };
    let side = connection.side(sender);
    if heard {
        side.outstanding -= bytes + std::mem::take(&mut side.unacknowledged);
        let writer = side.writer.take();
        w.wake_any(writer);
        return;
    }
    side.unacknowledged += bytes;
    if side.backoff.is_none() {
        side.backoff = Some(FIRST_RETRANSMISSION);
        w.schedule_after(FIRST_RETRANSMISSION, Event::Retransmission { id, side: sender });
    }
}

/// A segment arrives at `side`.
pub(crate) fn arrive(w: &mut World, id: ConnectionId, side: SideOf, segment: Segment) {
    let Some(connection) = w.connections.find(id) else { return };
    let who = connection.side(side).who;
    if w.hosts.get(&who).is_none_or(|host| host.power == Power::Off) {
        stall(w, id, side.other(), segment);
        return;
    }
    w.record(who, entry(id, &segment));
    let Some(connection) = w.connections.find(id) else { return };
    let this = connection.side(side);
    match (this.holder, &segment) {
        (Holder::Process, _) => take(w, id, side, segment),
        (Holder::Nobody, Segment::Content(..) | Segment::End) | (Holder::Kernel, Segment::Content(..)) => refuse(w, id, side, segment),
        (Holder::Kernel, Segment::End) | (Holder::Kernel | Holder::Nobody, Segment::Reset) => {}
    }
}

fn entry(id: ConnectionId, segment: &Segment) -> Entry {
    match segment {
        Segment::Content(bytes, digest) => Entry { kind: "tcp.arrive", numbers: [id, 0], len: bytes.len(), digest: *digest },
        Segment::End => Entry::plain("tcp.end", id, 0),
        Segment::Reset => Entry::plain("tcp.reset", id, 0),
    }
}

fn take(w: &mut World, id: ConnectionId, side: SideOf, segment: Segment) {
    let Some(connection) = w.connections.find(id) else { return };
    let this = connection.side(side);
    match segment {
        Segment::Content(bytes, _) => this.inbox.push_back(bytes),
        Segment::End => this.ended = true,
        Segment::Reset => {
            this.broken = Some(io::ErrorKind::ConnectionReset);
            this.stalled.clear();
            let writer = this.writer.take();
            w.wake_any(writer);
        }
    }
    let reader = w.connections.find(id).and_then(|c| c.side(side).reader.take());
    w.wake_any(reader);
}

/// Nobody here takes `segment`: the sender is told, or sends it again until it is.
fn refuse(w: &mut World, id: ConnectionId, side: SideOf, segment: Segment) {
    let Some((me, peer)) = w.connections.find(id).map(|c| c.way(side)) else { return };
    if w.reaches(me, peer) {
        fly(w, id, side, Segment::Reset);
    } else {
        stall(w, id, side.other(), segment);
    }
}

/// A process closes its side: what it has not read resets the connection (RFC 2525 section 2.17), otherwise the end is sent.
pub(super) fn close(w: &mut World, id: ConnectionId, side: SideOf) {
    let Some(connection) = w.connections.find(id) else { return };
    let this = connection.side(side);
    if this.holder != Holder::Process {
        return;
    }
    this.holder = Holder::Kernel;
    let (unread, finished, broken) = (!this.inbox.is_empty(), this.finished, this.broken.is_some());
    this.inbox = VecDeque::new();
    let (who, reader, writer) = (this.who, this.reader.take(), this.writer.take());
    w.discard(reader);
    w.discard(writer);
    w.record(who, Entry::plain("tcp.close", id, u64::from(unread)));
    if unread {
        send(w, id, side, Segment::Reset);
    } else if !finished && !broken {
        send(w, id, side, Segment::End);
    }
    forget_if_abandoned(w, id);
}

fn forget_if_abandoned(w: &mut World, id: ConnectionId) {
    if w.connections.find(id).is_some_and(|c: &mut Connection| c.is_abandoned()) {
        w.connections.forget(id);
    }
}

/// The process on `who` is gone; its kernel closes its sockets.
pub(crate) fn kill_process(w: &mut World, who: Who) {
    let _ = forget_sockets(w.host(who));
    for (id, side) in w.connections.held_by(who) {
        close(w, id, side);
    }
}

/// `who` has lost power: its kernel has forgotten everything, and nobody hears of it.
pub(crate) fn lose_power(w: &mut World, who: Who) {
    let _ = forget_sockets(w.host(who));
    for (id, side) in w.connections.held_by(who) {
        if let Some(connection) = w.connections.find(id) {
            let this = connection.side(side);
            this.holder = Holder::Nobody;
            this.inbox.clear();
            this.stalled.clear();
            let (reader, writer) = (this.reader.take(), this.writer.take());
            w.discard(reader);
            w.discard(writer);
        }
        forget_if_abandoned(w, id);
    }
}

/// Unbinds everything of a host. The wakers are those of a process that is no more.
fn forget_sockets(host: &mut Host) -> impl Sized {
    (std::mem::take(&mut host.mailboxes), std::mem::take(&mut host.listeners))
}
