//! Failure detection (SWIM section 4): one member is probed an interval, directly, then through others and over TCP, then suspected.

use super::machine::{Gossip, StreamId};
use super::packet::{ClaimKind, Head};
use super::position::Position;
use super::table::SlotId;
use crate::model::Instant;
use rand::seq::SliceRandom;
use std::net::SocketAddr;

/// How far a probe has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Pinged it.
    Direct,
    /// Asked others and dialled it. Those asked owe a nack if it stays silent.
    Indirect { asked: u32, nacks: u32, dialled: StreamId },
}

/// The probe under way.
#[derive(Debug)]
struct Probe {
    seq: u32,
    target: SlotId,
    phase: Phase,
    sent: Instant,
    /// When others are asked.
    widen_at: Instant,
    /// When it has failed.
    ends_at: Instant,
}

/// At most one probe at a time, and the numbers of pings.
#[derive(Debug)]
pub(super) struct Prober {
    seq: u32,
    current: Option<Probe>,
}

impl Prober {
    /// Numbers start anywhere, so that acks of an earlier life match nothing.
    pub fn new(seq: u32) -> Prober {
        Prober { seq, current: None }
    }

    pub fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }
}

/// By what way an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Udp,
    Tcp,
}

impl Gossip {
    pub(super) fn probe_deadline(&self) -> Option<Instant> {
        match &self.prober.current {
            Some(Probe { phase: Phase::Direct, widen_at, .. }) => Some(*widen_at),
            Some(Probe { phase: Phase::Indirect { .. }, ends_at, .. }) => Some(*ends_at),
            None if self.table.live().is_empty() || !self.departure.takes_part() => None,
            None => Some(self.timers.probe),
        }
    }

    pub(super) fn probe_due(&mut self, now: Instant) {
        match &self.prober.current {
            Some(probe) if probe.ends_at <= now => self.fail_probe(now),
            Some(Probe { phase: Phase::Direct, widen_at, .. }) if *widen_at <= now => self.widen_probe(),
            Some(_still_waiting) => {}
            None => {}
        }
        // Not by the timer alone: while nobody is there to probe it stands still, and a call then must not move it.
        if self.prober.current.is_none() && self.probe_deadline().is_some_and(|at| at <= now) {
            self.begin_probe(now);
        }
    }

    fn begin_probe(&mut self, now: Instant) {
        self.timers.probe = now + self.setup.tuning.probe_interval;
        let rng = &mut self.rng;
        let Some(target) = self.table.next_to_probe(|round| round.shuffle(rng)) else { return };
        self.stats.probes += 1;
        let seq = self.prober.next_seq();
        let (widen, end) = (self.setup.tuning.probe_timeout, self.setup.tuning.probe_interval);
        let (widen_at, ends_at) = (now + self.awareness.stretch(widen), now + self.awareness.stretch(end.max(widen)));
        self.prober.current = Some(Probe { seq, target, phase: Phase::Direct, sent: now, widen_at, ends_at });
        let profile = self.table[target].profile.clone();
        // Buddy: a suspected target hears of it first from whoever probes it, and refutes in its ack (Lifeguard section IV-C).
        let doubt = self.opinion(&profile.name);
        let ping = Head::Ping { seq, to: profile.name.clone(), from: self.setup.name.clone() };
        self.transmit(profile.addr, Some(&ping), doubt.as_ref());
    }

    fn widen_probe(&mut self) {
        let Some(probe) = &self.prober.current else { return };
        let (seq, target) = (probe.seq, probe.target);
        let helpers = self.random_live(self.setup.tuning.indirect_checks, Some(target));
        let profile = self.table[target].profile.clone();
        for helper in &helpers {
            let ask = Head::AskPing { seq, to: profile.name.clone(), addr: profile.addr };
            self.transmit(self.table[*helper].profile.addr, Some(&ask), None);
        }
        let dialled = self.dial_fallback_ping(seq, &profile);
        if let Some(probe) = &mut self.prober.current {
            probe.phase = Phase::Indirect { asked: helpers.len() as u32, nacks: 0, dialled };
        }
    }

    fn fail_probe(&mut self, now: Instant) {
        let Some(probe) = self.take_probe(now) else { return };
        self.stats.probes_failed += 1;
        match probe.phase {
            // Whoever was asked and said nothing at all speaks against our own hearing (Lifeguard section IV-A).
            Phase::Indirect { asked, nacks, dialled } => {
                self.awareness.worsen(if asked == 0 { 1 } else { asked - nacks.min(asked) });
                self.abandon_stream(dialled, "the probe is over");
            }
            Phase::Direct => self.awareness.worsen(1),
        }
        let (incarnation, accuser) = (self.table[probe.target].incarnation, self.setup.name.clone());
        self.hear_about(now, probe.target, ClaimKind::Suspect, incarnation, &accuser);
    }

    /// Ends the probe without a verdict.
    pub(super) fn abandon_probe(&mut self, now: Instant) {
        if let Some(Probe { phase: Phase::Indirect { dialled, .. }, .. }) = self.take_probe(now) {
            self.abandon_stream(dialled, "the probe is over");
        }
    }

    fn take_probe(&mut self, now: Instant) -> Option<Probe> {
        self.timers.probe = self.timers.probe.max(now);
        self.prober.current.take()
    }

    pub(super) fn answer(&mut self, now: Instant, from: SocketAddr, head: Head) {
        match head {
            Head::Ping { seq, to, from: pinger } if to == self.setup.name => {
                let doubt = self.opinion(&pinger);
                let position = Position::from(&self.vivaldi.own());
                self.transmit(from, Some(&Head::AckAt { seq, position }), doubt.as_ref());
            }
            // Our address was somebody else's: its silence is the right answer.
            Head::Ping { .. } => self.stats.refused += 1,
            Head::Ack { seq } => self.hear_ack(now, seq, Way::Udp),
            Head::AckAt { seq, position } => {
                if let Some(Probe { target, sent, .. }) = self.prober.current.as_ref().filter(|probe| probe.seq == seq) {
                    let (target, rtt) = (*target, now.since(*sent));
                    self.learn_position(target, &position, rtt);
                }
                self.hear_ack(now, seq, Way::Udp);
            }
            Head::Say(saying) => self.hear_saying(saying),
            Head::Pass { to, saying } => self.pass_saying(&to, saying),
            Head::Nack { seq } => self.hear_nack(seq),
            Head::AskPing { seq, to, addr } => self.relay_ping(now, from, seq, to, addr),
        }
    }

    pub(super) fn hear_ack(&mut self, now: Instant, seq: u32, way: Way) {
        if self.prober.current.as_ref().is_none_or(|probe| probe.seq != seq) {
            return self.relay_ack(seq);
        }
        match self.take_probe(now) {
            None => {}
            Some(probe) => {
                match way {
                    Way::Udp => self.awareness.recover(),
                    Way::Tcp => self.stats.probes_only_tcp += 1,
                }
                if let Phase::Indirect { dialled, .. } = probe.phase {
                    self.abandon_stream(dialled, "the probe is over");
                }
            }
        }
    }

    fn hear_nack(&mut self, seq: u32) {
        if let Some(Probe { seq: ours, phase: Phase::Indirect { nacks, asked, .. }, .. }) = &mut self.prober.current
            && *ours == seq
        {
            *nacks = (*nacks + 1).min(*asked);
        }
    }

    /// A member that was dropped from the table is not probed further.
    pub(super) fn forget_probe_of(&mut self, now: Instant, target: SlotId) {
        if self.prober.current.as_ref().is_some_and(|probe| probe.target == target) {
            self.abandon_probe(now);
        }
    }
}
