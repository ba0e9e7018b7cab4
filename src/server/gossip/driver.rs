//! The task that owns the machine: it waits for whatever comes first, feeds it, acts on what is decided and publishes what changed.

use super::asking::Asker;
use super::keeper::Request;
use super::pool::{Command, JoinError, Public, Published, UnknownMember};
use super::streams::{Arrival, Line, OUTGOING, Overrun, Writer, dial};
use super::wire::send_datagram;
use crate::gossip::{Event, EventKind, Gossip, Input, Output, Stats, StreamEvent, StreamId};
use crate::model::{Instant, Machine};
use crate::runtime::Runtime;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Datagrams or arrivals handled before the timers are looked at again.
const BATCH: usize = 64;

/// How old published counters may be.
const STATS_AGE: Duration = Duration::from_secs(1);

/// Everything that comes in.
#[derive(Debug)]
pub(super) struct Inbox {
    pub commands: mpsc::Receiver<Command>,
    pub datagrams: mpsc::Receiver<(SocketAddr, Bytes)>,
    pub arrivals: mpsc::Receiver<Arrival>,
}

/// The machine and its surroundings.
pub(super) struct Driver<R: Runtime> {
    pub machine: Gossip,
    pub udp: Arc<R::UdpSocket>,
    pub line: Line,
    pub published: Arc<Published>,
    pub keeper: Option<mpsc::Sender<Request>>,
    /// The socket tasks; they end with the driver.
    pub ears: Vec<R::JoinHandle<()>>,
    pub streams: BTreeMap<StreamId, Writer>,
    /// Streams whose peers do not read, given up when what was decided is done.
    pub overrun: Vec<StreamId>,
    pub joins: BTreeMap<u64, oneshot::Sender<Result<usize, JoinError>>>,
    pub tickets: u64,
    /// Who waits for words to its question.
    pub askers: BTreeMap<u64, Asker>,
    /// Who hears events and questions.
    pub public: Option<mpsc::Sender<Public>>,
    pub leavers: Vec<oneshot::Sender<()>>,
    /// Events of this turn, published after the members they speak of.
    pub events: Vec<Event>,
    pub revision: Option<u64>,
    pub stats_at: Instant,
}

/// How long to sleep if the machine wants nothing at all.
const IDLE: Duration = Duration::from_secs(60);

/// What woke the driver.
enum Woken {
    Command(Option<Command>),
    Datagram((SocketAddr, Bytes)),
    Arrival(Arrival),
    Timer,
}

impl<R: Runtime> Driver<R> {
    /// One that remembers nothing on disk and tells no agent.
    pub fn new(machine: Gossip, udp: Arc<R::UdpSocket>, line: Line, published: Arc<Published>) -> Driver<R> {
        Driver {
            machine,
            udp,
            line,
            published,
            keeper: None,
            ears: Vec::new(),
            streams: BTreeMap::new(),
            overrun: Vec::new(),
            joins: BTreeMap::new(),
            tickets: 0,
            askers: BTreeMap::new(),
            public: None,
            leavers: Vec::new(),
            events: Vec::new(),
            revision: None,
            stats_at: R::now(),
        }
    }

    pub async fn run(mut self, mut inbox: Inbox) {
        self.publish();
        loop {
            match self.wait(&mut inbox).await {
                Woken::Command(None) => return self.stop(None).await,
                Woken::Command(Some(Command::Stop { reply })) => return self.stop(Some(reply)).await,
                Woken::Command(Some(command)) => self.command(command).await,
                Woken::Datagram(datagram) => self.datagrams(datagram, &mut inbox).await,
                Woken::Arrival(arrival) => self.arrivals(arrival, &mut inbox).await,
                Woken::Timer => {}
            }
            let now = R::now();
            if self.machine.poll_timeout().is_some_and(|due| due.at <= now) {
                self.machine.handle_timeout(now);
                self.drain().await;
            }
            self.publish();
        }
    }

    /// Whatever has arrived comes before the timers: news that waited while this process stood still must be heard before anybody is
    /// judged by its silence.
    async fn wait(&self, inbox: &mut Inbox) -> Woken {
        let due = self.machine.poll_timeout().map_or_else(|| R::now() + IDLE, |due| due.at);
        tokio::select! {
            biased;
            command = inbox.commands.recv() => Woken::Command(command),
            Some(arrival) = inbox.arrivals.recv() => Woken::Arrival(arrival),
            Some(datagram) = inbox.datagrams.recv() => Woken::Datagram(datagram),
            () = R::sleep_until(due) => Woken::Timer,
        }
    }

    pub async fn feed(&mut self, input: Input) {
        self.machine.handle(R::now(), input);
        self.drain().await;
    }

    async fn datagrams(&mut self, first: (SocketAddr, Bytes), inbox: &mut Inbox) {
        let mut next = Some(first);
        let mut left = BATCH;
        while let Some((from, bytes)) = next {
            self.feed(Input::Datagram { from, bytes }).await;
            left -= 1;
            next = if left > 0 { inbox.datagrams.try_recv().ok() } else { None };
        }
    }

    async fn arrivals(&mut self, first: Arrival, inbox: &mut Inbox) {
        let mut next = Some(first);
        let mut left = BATCH;
        while let Some(Arrival { id, event, writer }) = next {
            match (&event, writer) {
                (_, Some(writer)) => drop(self.streams.insert(id, writer)),
                (StreamEvent::Closed { .. }, None) => drop(self.streams.remove(&id)),
                (StreamEvent::Opened | StreamEvent::Frame(_), None) => {}
            }
            self.feed(Input::Stream { id, event }).await;
            left -= 1;
            next = if left > 0 { inbox.arrivals.try_recv().ok() } else { None };
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Join { addrs, reply } => {
                self.tickets += 1;
                self.joins.insert(self.tickets, reply);
                self.feed(Input::Join { ticket: self.tickets, addrs }).await;
            }
            Command::Leave { reply } => {
                self.leavers.push(reply);
                self.feed(Input::Leave).await;
            }
            Command::ForceLeave { name, prune, reply } => {
                let known = self.machine.member(&name).is_some();
                if known {
                    self.feed(Input::ForceLeave { name: name.clone(), prune }).await;
                }
                let _nobody_waits = reply.send(if known { Ok(()) } else { Err(UnknownMember { name }) });
            }
            Command::SetTags { tags, reply } => {
                self.feed(Input::SetTags { tags }).await;
                self.publish();
                let _nobody_waits = reply.send(());
            }
            Command::Fire { event, reply } => {
                self.feed(Input::Fire { event }).await;
                let _nobody_waits = reply.send(());
            }
            Command::Ask { ask, asker } => {
                self.tickets += 1;
                self.askers.insert(self.tickets, asker);
                let id = u128::from(R::random()) << 64 | u128::from(R::random());
                self.feed(Input::Ask { ticket: self.tickets, id, ask }).await;
            }
            Command::Say { question, word } => self.feed(Input::Say { question, word }).await,
            Command::Coordinates { reply } => {
                let _nobody_waits = reply.send(self.machine.coordinates());
            }
            Command::Stop { reply } => drop(reply),
        }
    }

    async fn drain(&mut self) {
        loop {
            while let Some(output) = self.machine.poll_output() {
                self.act(output).await;
            }
            let Some(id) = self.overrun.pop() else { return };
            if self.streams.remove(&id).is_some() {
                self.published.streams_overrun.fetch_add(1, Ordering::Relaxed);
                let reason = "the other side does not read what is sent".to_owned();
                self.machine.handle(R::now(), Input::Stream { id, event: StreamEvent::Closed { reason } });
            }
        }
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::Send { to, bytes } => send_datagram(&*self.udp, to, &bytes).await,
            Output::Dial { id, to } => {
                let (writer, outgoing) = Writer::new(OUTGOING);
                self.streams.insert(id, writer);
                drop(R::spawn(dial::<R>(self.line.clone(), id, to, outgoing)));
            }
            Output::StreamSend { id, frame } => {
                if self.streams.get(&id).is_some_and(|writer| writer.write(frame) == Err(Overrun)) {
                    self.overrun.push(id);
                }
            }
            Output::StreamClose { id } => drop(self.streams.remove(&id)),
            Output::Event(event) => self.events.push(event),
            Output::Conflict(conflict) => tracing::warn!(%conflict, "gossip: a member is not let in"),
            Output::Joined { ticket, contacted, failures } => self.joined(ticket, contacted, failures),
            Output::Fired(event) => self.tell_public(Public::Event(event)),
            Output::Asked(question) => self.tell_public(Public::Question(question)),
            Output::Said { ticket, by, word } => {
                if let Some(asker) = self.askers.get_mut(&ticket) {
                    asker.hear(by, word, &self.published.words_lost);
                }
            }
            Output::Finished { ticket, tally } => {
                if let Some(asker) = self.askers.remove(&ticket) {
                    asker.end(tally);
                }
            }
            Output::Departed => {
                for reply in self.leavers.drain(..) {
                    let _nobody_waits = reply.send(());
                }
            }
        }
    }

    /// Gossip does not wait for the agent: what it has no room for is lost to it, and counted.
    fn tell_public(&self, what: Public) {
        if let Some(public) = &self.public
            && public.try_send(what).is_err()
        {
            self.published.unheard.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn joined(&mut self, ticket: u64, contacted: usize, failures: Vec<(SocketAddr, String)>) {
        // Whoever joined finds the members it now knows.
        self.publish();
        if let Some(reply) = self.joins.remove(&ticket) {
            let outcome = if contacted > 0 { Ok(contacted) } else { Err(JoinError { reasons: failures }) };
            let _nobody_waits = reply.send(outcome);
        }
    }

    /// Members first, then the events that speak of them.
    fn publish(&mut self) {
        let (now, revision) = (R::now(), Some(self.machine.revision()));
        let changed = revision != self.revision;
        if changed {
            self.revision = revision;
            let mut members: Vec<_> = self.machine.members().collect();
            members.sort_unstable_by(|a, b| a.name().cmp(b.name()));
            self.published.members.store(members.into());
            self.published.local.store(self.machine.local().into());
            if let Some(keeper) = &self.keeper {
                let _one_is_waiting_already = keeper.try_send(Request::Changed);
            }
        }
        if changed || now.since(self.stats_at) >= STATS_AGE {
            self.stats_at = now;
            let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let stats = Stats {
                datagrams_dropped: counted(&self.published.dropped),
                unheard: counted(&self.published.unheard),
                words_lost: counted(&self.published.words_lost),
                streams_overrun: counted(&self.published.streams_overrun),
                ..self.machine.stats()
            };
            self.published.stats.store(stats.into());
        }
        for event in std::mem::take(&mut self.events) {
            log(&event);
            self.published.subscribers.publish(&event);
        }
    }

    async fn stop(self, reply: Option<oneshot::Sender<()>>) {
        for ear in &self.ears {
            R::abort(ear);
        }
        if let Some(keeper) = &self.keeper {
            let (done, flushed) = oneshot::channel();
            if keeper.send(Request::Flush(done)).await.is_ok() {
                let _the_keeper_is_gone = flushed.await;
            }
        }
        self.published.subscribers.close();
        if let Some(reply) = reply {
            let _nobody_waits = reply.send(());
        }
    }
}

fn log(event: &Event) {
    let (name, addr) = (event.member.name(), event.member.addr());
    let by = event.by.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match event.kind {
        EventKind::Joined => tracing::info!(%name, %addr, "member joined"),
        EventKind::Updated => tracing::info!(%name, %addr, "member updated"),
        EventKind::Leaving => tracing::debug!(%name, %addr, by, "member leaving"),
        EventKind::Left => tracing::info!(%name, %addr, by, "member left"),
        EventKind::Failed => tracing::info!(%name, %addr, by, "member failed"),
        EventKind::Reaped => tracing::info!(%name, %addr, by, "member forgotten"),
    }
}
