//! A program that follows the changes of keys through everything: it comes back to any agent where it stood, reads anew after a gap, reads slowly
//! now and then, and at times names an index that is still to come.

use super::book::{Book, now};
use super::plan::{ChangesPlan, RARE};
use super::sse::{self, Reader};
use crate::checker::Nanos;
use crate::draws::Draws;
use crate::invariants::changes::observed::{Anew, Answer, Freshness, Heard, Named, Told};
use crate::runtime::Sim;
use crate::workload::{Connection, Feed, More};
use crate::world::Who;
use bytes::Bytes;
use hyper::Method;
use muster::model::Index;
use muster::runtime::sleep;
use std::sync::Arc;
use std::time::Duration;

/// How long the head of an answer is waited for: a read waits for a leader for 7 s.
const PATIENCE: Duration = Duration::from_secs(9);
/// A stream that says nothing for longer has lost its agent, for one that is there shows it every 15 s. Nobody tells a follower that an agent's
/// machine lost power: it sends nothing that could be refused.
const SILENCE: Duration = Duration::from_secs(20);

struct Follower {
    number: u64,
    prefix: &'static str,
    draws: Draws,
    plan: Arc<ChangesPlan>,
    book: Book,
    /// Up to where it has heard everything; `None` before the first stream.
    stands: Option<Index>,
    /// Where to go on once everything was read anew.
    missed: Option<Index>,
}

/// The life of follower `number`.
pub async fn follow(number: u64, plan: Arc<ChangesPlan>, book: Book) {
    let draws = Draws::new(plan.base.seed, "follower", number);
    let prefix = plan.followers[number as usize];
    let mut follower = Follower { number, prefix, draws, plan, book, stands: None, missed: None };
    while follower.left() > Duration::ZERO {
        match follower.missed {
            Some(resume) => follower.read_anew(resume).await,
            None => follower.listen().await,
        }
        let pause = Duration::from_millis(follower.draws.within(5..800)).min(follower.left());
        sleep::<Sim>(pause).await;
    }
}

impl Follower {
    fn left(&self) -> Duration {
        self.plan.end.saturating_sub(self.book.passed())
    }

    /// Whether the last write was made: from now on it does nothing but listen.
    fn is_late(&self) -> bool {
        self.book.passed() >= self.plan.until
    }

    /// The longest that it listens to one stream, in milliseconds: to one that says little longer than it takes to show that it is alive.
    fn longest(&self) -> u64 {
        if self.prefix == RARE { 40_000 } else { 15_000 }
    }

    fn agent(&mut self) -> Who {
        *self.draws.pick(&self.plan.base.agents())
    }

    /// The index to name: where it stands, or now and then one that nobody has reached.
    fn named(&mut self) -> Option<Index> {
        let stands = self.stands?;
        let ahead = if !self.is_late() && self.draws.chance(100_000) { self.draws.within(1..60) } else { 0 };
        Some(stands + ahead)
    }

    async fn listen(&mut self) {
        let (asked, named) = (self.agent(), self.named());
        let mode = *self.draws.pick(&["", "", "&stale", "&consistent"]);
        let mut path = format!("/v1/kv/{}?stream{mode}", self.prefix);
        let mut headers = Vec::new();
        match named {
            // As a browser does that comes back: the address it began with names an older one.
            Some(named) if self.draws.chance(500_000) => {
                path.push_str(&format!("&index={}", self.draws.below(named + 1)));
                headers.push(("last-event-id", named.to_string()));
            }
            Some(named) => path.push_str(&format!("&index={named}")),
            None => {}
        }
        let invoked = now();
        let Ok(feed) = Connection::follow(asked, &path, &headers, PATIENCE.min(self.left())).await else { return };
        let told = feed.headers.get("x-consul-index").and_then(|text| text.to_str().ok()?.parse().ok());
        self.note_answer(named, mode, invoked, feed.status);
        let from = match (feed.status, named.or(told)) {
            (200, Some(from)) => from,
            (500, _) => return,
            // It stands where nobody else does, since it once named such a place: it begins anew.
            (400, Some(from)) if self.stands == Some(from) => return self.stands = None,
            (400, Some(_)) => return,
            (status, from) => return self.book.malformed(format!("a stream was answered {status} {from:?}")),
        };
        let mut heard =
            Heard { follower: self.number, asked, prefix: self.prefix.to_owned(), from, told: Vec::new(), silent: None, until: 0 };
        self.stands = Some(from);
        self.hear(feed, &mut heard).await;
        heard.until = now();
        self.book.heard(heard);
    }

    fn note_answer(&self, named: Option<Index>, mode: &str, invoked: Nanos, status: u16) {
        let answer = match status {
            200 => Answer::Taken,
            400 => Answer::Refused,
            _ => return,
        };
        let freshness = if mode == "&stale" { Freshness::Stale } else { Freshness::Current };
        let named = named.map(|index| Named { index, freshness, invoked, returned: now(), answer });
        named.into_iter().for_each(|named| self.book.named(named));
    }

    /// Listens until it has enough, or there is no more.
    async fn hear(&mut self, mut feed: Feed, heard: &mut Heard) {
        let enough = if self.is_late() { self.plan.end } else { Duration::from_millis(self.draws.within(200..self.longest())) };
        let begun = self.book.passed();
        let slow = !self.is_late() && self.draws.chance(200_000);
        let mut reader = Reader::default();
        let mut spoke = now();
        loop {
            let passed = self.book.passed() - begun;
            let patience = enough.saturating_sub(passed).min(self.left());
            if patience.is_zero() {
                return;
            }
            let bytes = match feed.more(patience.min(SILENCE)).await {
                More::Bytes(bytes) => bytes,
                More::Nothing if patience > SILENCE => return heard.silent = Some(spoke),
                More::Nothing | More::Over => return,
            };
            spoke = now();
            let told = match reader.take(&bytes) {
                Ok(told) => told,
                Err(why) => return self.book.malformed(format!("{} told a follower {why}", heard.asked)),
            };
            for told in told {
                self.note(&told);
                heard.told.push((now(), told));
            }
            if slow {
                sleep::<Sim>(Duration::from_millis(self.draws.within(50..1_500)).min(self.left())).await;
            }
        }
    }

    fn note(&mut self, told: &Told) {
        match told {
            Told::Change { id, .. } | Told::Alive { id } => self.stands = Some(*id),
            Told::Gap { resume, .. } => {
                self.stands = Some(*resume);
                self.missed = Some(*resume);
            }
        }
    }

    async fn read_anew(&mut self, resume: Index) {
        let mut connection = Connection::new(self.agent());
        let path = format!("/v1/kv/{}?recurse", self.prefix);
        let Ok(reply) = connection.ask(Method::GET, &path, Bytes::new(), PATIENCE.min(self.left())).await else { return };
        let rows = match reply.status {
            200 => sse::rows(&reply.body),
            404 => Ok(Default::default()),
            500 => return,
            status => Err(format!("status {status}")),
        };
        match rows {
            Ok(rows) => {
                self.missed = None;
                self.book.anew(Anew { prefix: self.prefix.to_owned(), resume, rows, returned: now() });
            }
            Err(why) => self.book.malformed(format!("keys were read anew as {why}")),
        }
    }
}
