//! Streams: the fallback ping and the push/pull sync. Syncs compare fingerprints of the whole tables, then of their buckets, then members
//! of the buckets that differ; only members that differ are sent in full, so a quiet pool pays a few bytes however large it is.

use super::frame::{self, BucketDigests, Digest, Frame, Open, Row};
use super::machine::{Gossip, Output, StreamId};
use super::member::{MAX_TAG_BYTES, Profile, Versions};
use super::probe::Way;
use super::table::{BUCKETS, MAX_MEMBERS};
use crate::model::{Instant, NodeName};
use rand::RngExt;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::iter::Peekable;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Streams others may have open to us. At the bound further ones are closed at once (and counted).
const MAX_ACCEPTED: usize = 1024;

/// Syncs answered at once; further ones wait their turn, so that a pool that joins all at once is let in without a copy of the table for
/// each of them in memory.
const MAX_ANSWERED: usize = 64;

/// Pools up to this size sync at the profile's interval; larger ones less often, by the logarithm.
const SYNC_UNSCALED: usize = 32;

/// A change is compared after this share of the interval between syncs.
const COMPARE_AFTER: Range<f64> = 0.15..0.3;

/// About how many bytes of rows go into one frame, far below [`frame::MAX_FRAME`].
const ROWS_FRAME: usize = 192 * 1024;

/// The longest row: names have at most 512 bytes, and no tag takes less than two.
const LONGEST_ROW: usize = MAX_TAG_BYTES * 4 + 512 + 64;

/// Most frames that are sent at once on a stream: one about events, and all the rows of a full table.
pub const MAX_FRAMES_AT_ONCE: usize = 1 + MAX_MEMBERS.div_ceil(ROWS_FRAME / LONGEST_ROW);

/// What a stream of ours is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The regular comparison with a live member.
    Sync,
    /// Finding a missing member.
    Rejoin,
    /// One address of a join.
    Join { ticket: u64, addr: SocketAddr },
    /// The probe's last way.
    FallbackPing { seq: u32, to: NodeName },
}

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Ours: connecting.
    Dialing,
    /// Ours: asked; an answer is due.
    Asked { newcomer: bool },
    /// Ours: digests sent, at this incarnation of ours; rows are due.
    Compared { peer: NodeName, spoken: u64 },
    /// Theirs: the first frame is due.
    Accepted,
    /// Theirs: asked; we have not answered yet.
    Waiting,
    /// Theirs: buckets sent; digests are due.
    Offered { peer: NodeName },
    /// Theirs: rows sent; the wanted ones are due.
    Owed { peer: NodeName },
}

#[derive(Debug)]
struct Session {
    purpose: Option<Purpose>,
    stage: Stage,
}

/// The open streams.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    sessions: BTreeMap<StreamId, Session>,
    /// First frames of those in [`Stage::Waiting`], in order.
    waiting: VecDeque<(StreamId, Open)>,
    dialed: u64,
    accepted: usize,
    /// Sessions in a stage that [`Stage::is_answered`].
    answered: usize,
}

impl Stage {
    fn is_answered(&self) -> bool {
        match self {
            Stage::Offered { .. } | Stage::Owed { .. } => true,
            Stage::Dialing | Stage::Asked { .. } | Stage::Compared { .. } | Stage::Accepted | Stage::Waiting => false,
        }
    }
}

impl Syncs {
    fn remove(&mut self, id: StreamId) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.accepted -= usize::from(session.purpose.is_none());
        self.answered -= usize::from(session.stage.is_answered());
        if session.stage == Stage::Waiting {
            self.waiting.retain(|(waiting, _)| *waiting != id);
        }
        Some(session)
    }

    fn advance(&mut self, id: StreamId, stage: Stage) {
        if let Some(session) = self.sessions.get_mut(&id) {
            self.answered -= usize::from(session.stage.is_answered());
            session.stage = stage;
            self.answered += usize::from(session.stage.is_answered());
        }
    }

    pub fn check_invariants(&self) {
        assert_eq!(self.accepted, self.sessions.values().filter(|s| s.purpose.is_none()).count(), "accepted streams are counted");
        assert!(self.accepted <= MAX_ACCEPTED, "accepted streams are bounded");
        let in_stage = |is: fn(&Stage) -> bool| self.sessions.values().filter(|session| is(&session.stage)).count();
        assert_eq!(self.answered, in_stage(Stage::is_answered), "answered syncs are counted");
        assert_eq!(self.waiting.len(), in_stage(|stage| *stage == Stage::Waiting), "who waits is in the queue");
        assert!(self.waiting.is_empty() || self.answered >= MAX_ANSWERED, "nobody waits while there is room");
    }
}

impl Gossip {
    pub(super) fn sync_interval(&mut self) -> Duration {
        let interval = self.setup.tuning.push_pull_interval;
        let members = self.table.alive_count();
        let doublings = (members as f64 / SYNC_UNSCALED as f64).log2().ceil() as u32;
        if members > SYNC_UNSCALED { interval * (doublings + 1) } else { interval }
    }

    /// Plans a sync a while after a change, when the news should be everywhere: a broadcast misses a member now and then, and the regular
    /// syncs of a large pool are far apart. Whoever agrees pays two small frames.
    pub(super) fn notice_change(&mut self, now: Instant) {
        if self.compared == self.table.lasting() {
            return;
        }
        self.compared = self.table.lasting();
        if self.timers.compare.is_none() && !self.table.live().is_empty() {
            let pause = self.setup.tuning.push_pull_interval.mul_f64(self.rng.random_range(COMPARE_AFTER));
            self.timers.compare = Some(now + pause);
        }
    }

    pub(super) fn begin_sync(&mut self) {
        if !self.departure.takes_part() {
            return;
        }
        if let Some(peer) = self.random_live(1, None).first() {
            self.dial(self.table[*peer].profile.addr, Purpose::Sync);
        }
    }

    /// Syncs with a member that has something we lack.
    pub(super) fn fetch_from(&mut self, peer: &NodeName) {
        let found = self.table.find(peer).filter(|id| self.table.live().contains(id));
        if let Some(id) = found.filter(|_| self.departure.takes_part()) {
            self.dial(self.table[id].profile.addr, Purpose::Sync);
        }
    }

    pub(super) fn dial(&mut self, to: SocketAddr, purpose: Purpose) -> StreamId {
        self.syncs.dialed += 1;
        let id = StreamId::Dialed(self.syncs.dialed);
        self.stats.syncs += u64::from(!matches!(purpose, Purpose::FallbackPing { .. }));
        self.syncs.sessions.insert(id, Session { purpose: Some(purpose), stage: Stage::Dialing });
        self.output(Output::Dial { id, to });
        id
    }

    pub(super) fn dial_fallback_ping(&mut self, seq: u32, target: &Profile) -> StreamId {
        self.dial(target.addr, Purpose::FallbackPing { seq, to: target.name.clone() })
    }

    pub(super) fn stream_opened(&mut self, now: Instant, id: StreamId) {
        match id {
            StreamId::Accepted(_) if self.syncs.accepted >= MAX_ACCEPTED => {
                self.stats.streams_refused += 1;
                self.output(Output::StreamClose { id });
            }
            StreamId::Accepted(_) => {
                let twice = self.syncs.sessions.insert(id, Session { purpose: None, stage: Stage::Accepted });
                assert!(twice.is_none(), "the driver numbers streams");
                self.syncs.accepted += 1;
            }
            StreamId::Dialed(_) => self.ask(now, id),
        }
    }

    /// The first frame on a stream of ours.
    fn ask(&mut self, now: Instant, id: StreamId) {
        let Some(session) = self.syncs.sessions.get(&id) else { return };
        // Whoever joins with nobody alive around it is new as well, as in Serf.
        let joins_alone = matches!(session.purpose, Some(Purpose::Join { .. })) && self.table.live().is_empty();
        let newcomer = self.is_newcomer() || (joins_alone && !self.comes_back());
        let open =
            |own| Open { from: self.setup.name.clone(), versions: Versions::OURS, own, root: self.table.root(), lore: self.lore(now) };
        let frame = match &session.purpose {
            Some(Purpose::FallbackPing { to, .. }) => Frame::Ping { to: to.clone() },
            Some(Purpose::Join { .. } | Purpose::Rejoin) => Frame::Open(open(Some(self.table.own().row(now, self.memory())))),
            Some(Purpose::Sync) | None => Frame::Open(open(None)),
        };
        self.syncs.advance(id, Stage::Asked { newcomer });
        self.send_frame(id, &frame);
    }

    pub(super) fn stream_closed(&mut self, id: StreamId, reason: &str) {
        if let Some(session) = self.syncs.remove(id) {
            self.conclude(session, Err(reason));
        }
    }

    /// Ends a stream of which nothing more is wanted.
    pub(super) fn abandon_stream(&mut self, id: StreamId, reason: &str) {
        if let Some(session) = self.syncs.remove(id) {
            self.output(Output::StreamClose { id });
            self.conclude(session, Err(reason));
        }
    }

    fn finish(&mut self, id: StreamId) {
        if let Some(session) = self.syncs.remove(id) {
            self.output(Output::StreamClose { id });
            self.conclude(session, Ok(()));
        }
    }

    fn conclude(&mut self, session: Session, outcome: Result<(), &str>) {
        let failed = u64::from(outcome.is_err());
        match session.purpose {
            Some(Purpose::Join { ticket, addr }) => {
                self.stats.syncs_failed += failed;
                self.join_outcome(ticket, addr, outcome.map_err(str::to_owned));
            }
            Some(Purpose::Sync | Purpose::Rejoin) => self.stats.syncs_failed += failed,
            Some(Purpose::FallbackPing { .. }) | None => {}
        }
    }

    pub(super) fn send_frame(&mut self, id: StreamId, frame: &Frame) {
        let bytes = frame::encode(frame);
        self.stats.frames_sent += 1;
        self.stats.frame_bytes_sent += bytes.len() as u64;
        self.output(Output::StreamSend { id, frame: bytes.into() });
    }

    pub(super) fn stream_frame(&mut self, now: Instant, id: StreamId, frame: Frame) {
        let Some(session) = self.syncs.sessions.get(&id) else { return };
        let (stage, purpose) = (session.stage.clone(), session.purpose.clone());
        match (stage, frame) {
            (Stage::Accepted, Frame::Ping { to }) => {
                if to == self.setup.name {
                    self.send_frame(id, &Frame::Ack);
                }
                self.finish(id);
            }
            (Stage::Asked { .. }, Frame::Ack) => {
                if let Some(Purpose::FallbackPing { seq, .. }) = purpose {
                    self.finish(id);
                    self.hear_ack(now, seq, Way::Tcp);
                }
            }
            (Stage::Accepted, Frame::Open(open)) => {
                self.syncs.advance(id, Stage::Waiting);
                self.syncs.waiting.push_back((id, open));
            }
            (Stage::Asked { newcomer }, Frame::Told(told)) => self.hear_told(now, told, newcomer),
            (Stage::Asked { .. }, Frame::Same) => {
                self.stats.syncs_same += 1;
                self.finish(id);
            }
            (Stage::Asked { .. }, Frame::Refused { reason }) => self.abandon_stream(id, &reason),
            (Stage::Asked { .. }, Frame::Buckets { from, sums }) if sums.len() == BUCKETS => self.compare_buckets(id, from, &sums),
            (Stage::Offered { peer }, Frame::Digests { buckets }) => self.compare_digests(now, id, peer, &buckets),
            (Stage::Compared { peer, spoken }, Frame::Rows { rows, wanted, more }) => {
                self.hear_rows(now, rows, &peer);
                if more == 0 {
                    self.pay_rows(now, id, &wanted, spoken);
                }
            }
            (Stage::Owed { peer }, Frame::Rows { rows, wanted: _, more }) => {
                self.hear_rows(now, rows, &peer);
                if more == 0 {
                    self.finish(id);
                }
            }
            (_, _out_of_turn) => {
                self.stats.malformed += 1;
                self.abandon_stream(id, "a frame out of turn");
            }
        }
    }

    /// Answers those who wait, as far as there is room.
    pub(super) fn answer_waiting(&mut self, now: Instant) {
        while self.syncs.answered < MAX_ANSWERED
            && let Some((id, open)) = self.syncs.waiting.pop_front()
        {
            self.syncs.advance(id, Stage::Accepted);
            self.hear_open(now, id, open);
        }
    }

    fn hear_open(&mut self, now: Instant, id: StreamId, open: Open) {
        let newcomer = self.is_newcomer();
        let refusal = match (&open.own, Versions::OURS.newest_shared(open.versions)) {
            (_, None) => Some("the gossip protocol versions do not meet".to_owned()),
            _ if !self.departure.takes_part() => Some("this agent is leaving".to_owned()),
            (Some(own), _) if own.profile.name == self.setup.name && !own.profile.same_place(&self.table.own().profile) => {
                Some(format!("node name {} is this agent's own", self.setup.name))
            }
            (Some(own), Some(_)) => self.hear_row(now, own.clone(), &open.from).err().map(|refusal| {
                self.report(now, &refusal);
                refusal.to_string()
            }),
            (None, Some(_)) => None,
        };
        if let Some(reason) = refusal {
            self.send_frame(id, &Frame::Refused { reason });
            return self.finish(id);
        }
        self.hear_lore(now, id, &open.from, &open.lore, newcomer);
        if open.root == self.table.root() {
            self.send_frame(id, &Frame::Same);
            return self.finish(id);
        }
        self.syncs.advance(id, Stage::Offered { peer: open.from });
        let (from, sums) = (self.setup.name.clone(), self.table.sums().to_vec());
        self.send_frame(id, &Frame::Buckets { from, sums });
    }

    fn compare_buckets(&mut self, id: StreamId, peer: NodeName, sums: &[u64]) {
        let differing = (0..BUCKETS).filter(|bucket| self.table.sums()[*bucket] != sums[*bucket]);
        let digests = |bucket: usize| self.table.bucket(bucket).map(|slot| slot.digest()).collect();
        let buckets = differing.map(|bucket| BucketDigests { bucket: bucket as u8, digests: digests(bucket) }).collect();
        let spoken = self.table.own().incarnation;
        self.syncs.advance(id, Stage::Compared { peer, spoken });
        self.send_frame(id, &Frame::Digests { buckets });
    }

    fn compare_digests(&mut self, now: Instant, id: StreamId, peer: NodeName, buckets: &[BucketDigests]) {
        let mut difference = Difference::default();
        let ordered = buckets.is_sorted_by(|a, b| a.bucket < b.bucket)
            && buckets.iter().all(|b| usize::from(b.bucket) < BUCKETS && b.digests.is_sorted_by(|a, b| a.name < b.name));
        if !ordered {
            self.stats.malformed += 1;
            return self.abandon_stream(id, "digests out of order");
        }
        for theirs in buckets {
            let ours = self.table.bucket(usize::from(theirs.bucket)).map(|slot| slot.digest());
            difference.walk(ours, theirs.digests.iter().copied());
        }
        self.hear_own_digest(now, buckets);
        self.syncs.advance(id, Stage::Owed { peer });
        self.send_rows(now, id, &difference.ours, difference.wanted);
    }

    /// What a peer holds of ourselves may be wrong: speak up before the rows are sent, so that they already tell.
    fn hear_own_digest(&mut self, now: Instant, buckets: &[BucketDigests]) {
        let own = self.table.own().digest();
        let theirs = buckets.iter().flat_map(|b| &b.digests).find(|digest| digest.name == own.name).copied();
        if let Some(theirs) = theirs
            && theirs.incarnation >= own.incarnation
            && theirs != own
            && theirs.profile == own.profile
            && self.departure.takes_part()
        {
            self.refute(now, theirs.incarnation);
        }
    }

    /// Sends the wanted members, and ourselves if we had to be let in or have spoken up meanwhile; then the sync is done.
    fn pay_rows(&mut self, now: Instant, id: StreamId, wanted: &[u64], spoken: u64) {
        let own = self.table.own();
        let mut rows = wanted.to_vec();
        if own.incarnation != spoken && !rows.contains(&own.name_hash) {
            rows.push(own.name_hash);
        }
        self.send_rows(now, id, &rows, Vec::new());
        self.finish(id);
    }

    /// Sends rows in as many frames as they need, at least one; the last carries `wanted`.
    fn send_rows(&mut self, now: Instant, id: StreamId, names: &[u64], wanted: Vec<u64>) {
        let memory = self.memory();
        let found = names.iter().filter_map(|name| self.table.find_hash(*name));
        let mut frames = vec![Vec::new()];
        let mut length = 0;
        for slot in found.map(|id| &self.table[id]) {
            let size = row_size(&slot.profile);
            if length + size > ROWS_FRAME {
                frames.push(Vec::new());
                length = 0;
            }
            length += size;
            frames.last_mut().expect("starts with one").push(slot.row(now, memory));
        }
        let count = frames.len() as u32;
        let mut wanted = Some(wanted);
        for (n, rows) in frames.into_iter().enumerate() {
            let more = count - 1 - n as u32;
            self.stats.rows_sent += rows.len() as u64;
            let wanted = if more == 0 { wanted.take().unwrap_or_default() } else { Vec::new() };
            self.send_frame(id, &Frame::Rows { rows, wanted, more });
        }
    }

    fn hear_rows(&mut self, now: Instant, rows: Vec<Row>, peer: &NodeName) {
        for row in rows {
            if let Err(refusal) = self.hear_row(now, row, peer) {
                self.report(now, &refusal);
            }
        }
    }
}

/// At least as many bytes as a row takes.
fn row_size(profile: &Profile) -> usize {
    let tags: usize = profile.tags.as_map().iter().map(|(key, value)| key.len() + value.len() + 6).sum();
    tags + profile.name.as_str().len() + 64
}

/// What two tables do not agree on, by name fingerprint.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    /// Newer here, or different at equal age.
    ours: Vec<u64>,
    /// Newer there, or different at equal age.
    wanted: Vec<u64>,
}

impl Difference {
    /// Both sides in order of name fingerprint.
    fn walk(&mut self, ours: impl Iterator<Item = Digest>, theirs: impl Iterator<Item = Digest>) {
        let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
        while let Some(side) = next_side(&mut ours, &mut theirs) {
            match side {
                Ordering::Less => self.ours.extend(ours.next().map(|digest| digest.name)),
                Ordering::Greater => self.wanted.extend(theirs.next().map(|digest| digest.name)),
                Ordering::Equal => self.pair(ours.next(), theirs.next()),
            }
        }
    }

    fn pair(&mut self, ours: Option<Digest>, theirs: Option<Digest>) {
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return };
        if ours == theirs {
            return;
        }
        match ours.incarnation.cmp(&theirs.incarnation) {
            Ordering::Greater => self.ours.push(ours.name),
            Ordering::Less => self.wanted.push(ours.name),
            Ordering::Equal => {
                self.ours.push(ours.name);
                self.wanted.push(ours.name);
            }
        }
    }
}

/// Which of two ordered lists has the next name; `None` at the end of both.
fn next_side(ours: &mut Peekable<impl Iterator<Item = Digest>>, theirs: &mut Peekable<impl Iterator<Item = Digest>>) -> Option<Ordering> {
    match (ours.peek(), theirs.peek()) {
        (None, None) => None,
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(ours), Some(theirs)) => Some(ours.name.cmp(&theirs.name)),
    }
}
