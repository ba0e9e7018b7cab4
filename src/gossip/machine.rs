//! The machine: what goes in, what comes out, and which timer does what.

use super::awareness::Awareness;
use super::broadcasts::Broadcasts;
use super::depart::Departure;
use super::frame::Mark;
use super::intents::Intents;
use super::lamport::Lamport;
use super::member::{Member, Profile, Versions};
use super::order::Order;
use super::probe::Prober;
use super::question::Asked;
use super::recent::Recent;
use super::rejoin::Rejoin;
use super::relay::Relays;
use super::spread::Courtesy;
use super::stats::Stats;
use super::sync::Syncs;
use super::table::{Memory, SlotId, Table};
use super::user_event::Heard;
use super::vivaldi::Vivaldi;
pub use super::words::{Clocks, Homecoming, Input, Output, Prune, Setup, StreamEvent, StreamId};
use super::{frame, packet};
use crate::model::{Coordinate, Deadline, Instant, Machine, NodeName};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How often the dead are looked through for those to forget (Serf's reap interval).
const REAP_INTERVAL: Duration = Duration::from_secs(15);

/// A failed or remembered member is dialled about every so many probe intervals.
const RECONNECT_PROBES: u32 = 10;

/// When the recurring duties fall due.
#[derive(Debug)]
pub(super) struct Timers {
    pub probe: Instant,
    /// Set while there is something to tell.
    pub spread: Option<Instant>,
    /// The earliest time for the next round of telling.
    pub spread_again: Instant,
    /// Set while somebody has failed a short time ago.
    pub ask_the_dead: Option<Instant>,
    /// Set while a change of the table waits to be compared.
    pub compare: Option<Instant>,
    pub sync: Instant,
    pub reconnect: Instant,
    pub reap: Instant,
}

/// One member's view of its pool and its part in keeping it. Nothing in it knows whether there is another pool.
#[derive(Debug)]
pub struct Gossip {
    pub(super) setup: Setup,
    pub(super) rng: ChaCha8Rng,
    pub(super) table: Table,
    pub(super) awareness: Awareness,
    pub(super) broadcasts: Broadcasts,
    /// Events and questions on their way through us.
    pub(super) shouts: Broadcasts,
    pub(super) event_clock: Lamport,
    pub(super) question_clock: Lamport,
    pub(super) events: Recent<Heard>,
    pub(super) questions: Recent<()>,
    /// Events that wait for their turn.
    pub(super) order: Order,
    pub(super) asked: Asked,
    pub(super) vivaldi: Vivaldi,
    /// Where members lie, by name fingerprint.
    pub(super) positions: BTreeMap<u64, Coordinate>,
    pub(super) prober: Prober,
    pub(super) relays: Relays,
    /// Running suspicions by deadline.
    pub(super) suspicions: BTreeSet<(Instant, SlotId)>,
    /// Failed members that are still told news, and until when.
    pub(super) recent: Vec<(Instant, SlotId)>,
    pub(super) syncs: Syncs,
    pub(super) rejoin: Rejoin,
    pub(super) intents: Intents,
    pub(super) departure: Departure,
    pub(super) courtesy: Courtesy,
    pub(super) timers: Timers,
    /// What of [`Table::lasting`] a comparison is planned or made for.
    pub(super) compared: u64,
    pub(super) stats: Stats,
    pub(super) outputs: VecDeque<Output>,
}

impl Gossip {
    /// A pool of one.
    pub fn new(now: Instant, setup: Setup) -> Gossip {
        let told = match setup.homecoming {
            Homecoming::Back => setup.clocks,
            Homecoming::New => Clocks::default(),
        };
        let own = Profile { name: setup.name.clone(), addr: setup.addr, tags: setup.tags.clone(), versions: Versions::OURS };
        let mut rng = ChaCha8Rng::seed_from_u64(setup.seed);
        let stagger = |rng: &mut ChaCha8Rng, interval: Duration| now + interval.mul_f64(rng.random_range(0.0..1.0));
        let timers = Timers {
            probe: stagger(&mut rng, setup.tuning.probe_interval),
            spread: None,
            spread_again: now,
            ask_the_dead: None,
            compare: None,
            sync: stagger(&mut rng, setup.tuning.push_pull_interval),
            // Soon after the start: a node that comes back finds its pool at once.
            reconnect: stagger(&mut rng, setup.tuning.probe_interval),
            reap: stagger(&mut rng, REAP_INTERVAL),
        };
        Gossip {
            table: Table::new(own, setup.incarnation, now),
            awareness: Awareness::new(setup.tuning.awareness_max),
            broadcasts: Broadcasts::of_members(),
            shouts: Broadcasts::of_events(),
            event_clock: Lamport::of(setup.clocks.events),
            question_clock: Lamport::of(setup.clocks.questions),
            events: Recent::above(told.events),
            questions: Recent::above(told.questions),
            order: Order::default(),
            asked: Asked::default(),
            vivaldi: Vivaldi::new(super::hash::mix(setup.seed)),
            positions: BTreeMap::new(),
            prober: Prober::new(rng.random()),
            relays: Relays::default(),
            suspicions: BTreeSet::new(),
            recent: Vec::new(),
            syncs: Syncs::default(),
            rejoin: Rejoin::default(),
            intents: Intents::default(),
            departure: Departure::Member,
            courtesy: Courtesy::default(),
            timers,
            compared: 0,
            stats: Stats::default(),
            outputs: VecDeque::new(),
            setup,
            rng,
        }
    }

    /// Takes these for live members without a word to anybody: how simulations and benchmarks start from a pool that has formed.
    /// Whoever is known already, or breaks the pool's rules, is left out.
    pub fn acquaint(&mut self, now: Instant, members: impl IntoIterator<Item = (Arc<Profile>, u64)>) {
        for (profile, incarnation) in members {
            if self.table.find(&profile.name).is_none() && self.vet(&profile).is_ok() {
                self.place(profile, incarnation, Mark::Here, (now, Instant::from_nanos(u64::MAX)));
            }
        }
        self.timers.probe = self.timers.probe.max(now);
        self.compared = self.table.lasting();
    }

    /// Everybody known, ourselves included, in no useful order.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.table.iter().map(|slot| slot.member())
    }

    /// The member of this name.
    pub fn member(&self, name: &NodeName) -> Option<Member> {
        self.table.find(name).map(|id| self.table[id].member())
    }

    /// Ourselves.
    pub fn local(&self) -> Member {
        self.table.own().member()
    }

    /// Changes whenever [`Gossip::members`] would.
    pub fn revision(&self) -> u64 {
        self.table.revision()
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        let (alive, failed) = (self.table.alive_count(), self.table.failed_count());
        let health_score = self.awareness.score();
        Stats {
            health_score,
            alive,
            failed,
            left: self.table.len() - alive - failed,
            broadcast_queue: self.broadcasts.len(),
            shout_queue: self.shouts.len(),
            event_time: self.event_clock.last(),
            question_time: self.question_clock.last(),
            coordinate_resets: self.vivaldi.resets(),
            ..self.stats
        }
    }

    pub(super) fn memory(&self) -> Memory {
        Memory { failed: self.setup.reconnect_timeout, left: self.setup.tombstone_timeout }
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.stats.datagrams_received += 1;
        self.stats.datagram_bytes_received += bytes.len() as u64;
        match packet::decode(bytes) {
            Err(_counted) => self.stats.malformed += 1,
            Ok(mut packet) => {
                // What came together is told in the order of its logical time; the sort keeps the order of the rest.
                packet.rumors.sort_by_key(packet::Rumor::lamport);
                // Rumors first: a ping that carries a suspicion of us is answered by the ack and the refutation together.
                for rumor in packet.rumors {
                    self.hear(now, rumor, Some(from));
                }
                if let Some(head) = packet.head {
                    self.answer(now, from, head);
                }
            }
        }
    }

    fn stream(&mut self, now: Instant, id: StreamId, event: StreamEvent) {
        match event {
            StreamEvent::Opened => self.stream_opened(now, id),
            StreamEvent::Closed { reason } => self.stream_closed(id, &reason),
            StreamEvent::Frame(bytes) => match frame::decode(&bytes) {
                Ok(frame) => self.stream_frame(now, id, frame),
                Err(error) => {
                    self.stats.malformed += 1;
                    self.abandon_stream(id, &error.to_string());
                }
            },
        }
    }

    /// If we are called much later than we asked, this process stood still (stopped, starved, frozen): others had no chance to be heard, so
    /// no deadline that passed meanwhile may count against them.
    fn notice_stall(&mut self, now: Instant) {
        let Some(due) = self.poll_timeout() else { return };
        let stall = now.since(due.at);
        if stall <= self.setup.tuning.probe_timeout {
            return;
        }
        self.stats.stalls += 1;
        self.awareness.worsen(1);
        self.abandon_probe(now);
        self.relays.clear();
        let timers = &mut self.timers;
        for timer in [&mut timers.probe, &mut timers.sync, &mut timers.reconnect, &mut timers.reap]
            .into_iter()
            .chain(&mut timers.spread)
            .chain(&mut timers.ask_the_dead)
        {
            *timer = (*timer).max(now);
        }
        self.departure.postpone(stall);
        self.order.postpone(now, stall);
        self.postpone_suspicions(now, stall);
    }

    fn run_timers(&mut self, now: Instant) {
        self.probe_due(now);
        self.relays_due(now);
        self.suspicions_due(now);
        self.finish_questions(now);
        self.order_due(now);
        if self.timers.spread.is_some_and(|at| at <= now) {
            self.spread(now);
        }
        self.departure_due(now);
        if self.timers.ask_the_dead.is_some_and(|at| at <= now) {
            self.ask_the_dead(now);
        }
        if self.timers.compare.is_some_and(|at| at <= now) {
            self.timers.compare = None;
            self.begin_sync();
        }
        if self.timers.sync <= now {
            self.timers.sync = now + self.sync_interval();
            self.begin_sync();
        }
        if self.timers.reconnect <= now {
            let interval = self.setup.tuning.probe_interval * RECONNECT_PROBES;
            self.timers.reconnect = now + interval.mul_f64(self.rng.random_range(0.8..1.0));
            self.reconnect(now);
        }
        if self.timers.reap <= now {
            self.timers.reap = now + REAP_INTERVAL;
            self.reap(now);
        }
        self.answer_waiting(now);
        self.notice_change(now);
    }
}

impl Machine for Gossip {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        assert!(self.outputs.is_empty(), "the driver drains outputs after every call");
        self.notice_stall(now);
        match input {
            Input::Datagram { from, bytes } => self.receive(now, from, &bytes),
            Input::Stream { id, event } => self.stream(now, id, event),
            Input::Join { ticket, addrs } => self.join(ticket, addrs),
            Input::Remember { addrs } => self.remember(now, &addrs),
            Input::Leave => self.leave(now),
            Input::ForceLeave { name, prune } => self.force_leave(now, &name, prune),
            Input::SetTags { tags } => self.set_tags(now, tags),
            Input::Fire { event } => self.fire(now, event),
            Input::Ask { ticket, id, ask } => self.ask_everybody(now, ticket, id, ask),
            Input::Say { question, word } => self.say(&question, word),
        }
        self.finish_questions(now);
        // What was heard may have ended the wait (nobody is left to tell): that is an effect of the input, not of whatever timer comes next.
        self.departure_due(now);
        self.answer_waiting(now);
        self.notice_change(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        assert!(self.outputs.is_empty(), "the driver drains outputs after every call");
        self.notice_stall(now);
        self.run_timers(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let timers = &self.timers;
        let probe = self.probe_deadline();
        let candidates = [
            probe.map(|at| (at, "probe")),
            self.relays.deadline().map(|at| (at, "relay")),
            self.asked.deadline().map(|at| (at, "question")),
            self.order.deadline().map(|at| (at, "event order")),
            self.suspicions.first().map(|(at, _)| (*at, "suspicion")),
            self.departure.deadline().map(|at| (at, "leave")),
            timers.spread.map(|at| (at, "spread")),
            timers.ask_the_dead.map(|at| (at, "ask the dead")),
            timers.compare.map(|at| (at, "compare")),
            Some((timers.sync, "sync")),
            Some((timers.reconnect, "reconnect")),
            Some((timers.reap, "reap")),
        ];
        candidates.into_iter().flatten().min_by_key(|(at, _)| *at).map(|(at, reason)| Deadline { at, reason })
    }

    fn check_invariants(&self) {
        self.table.check_invariants();
        self.broadcasts.check_invariants();
        self.relays.check_invariants();
        self.syncs.check_invariants();
        self.rejoin.check_invariants();
        self.intents.check_invariants();
        self.shouts.check_invariants();
        self.events.check_invariants();
        self.questions.check_invariants();
        self.asked.check_invariants();
        self.check_order();
        self.check_positions();
        for (deadline, id) in &self.suspicions {
            let suspicion = self.table[*id].suspicion.as_ref().expect("a filed suspicion runs");
            assert_eq!(suspicion.deadline(), *deadline, "a suspicion is filed under its deadline");
        }
        let running = self.table.iter().filter(|slot| slot.suspicion.is_some()).count();
        assert_eq!(running, self.suspicions.len(), "a running suspicion is filed");
        assert_eq!(self.has_news(), self.timers.spread.is_some(), "news is told by a timer");
    }
}
