//! Reads that an agent answers from what it holds.

use super::copies::{Copies, Copy, Currency};
use crate::agent::query::{Answer, CacheControl, Query, ReadMode, ReadOptions, Verdict, Wait};
use crate::agent::views::Use;
use crate::raft::Raft;
use crate::runtime::{Runtime, timeout, watch};
use crate::server::Agent;
use crate::server::http::{Answered, Means, Origin};
use crate::server::wire::{self, Refusal};
use std::sync::Arc;
use std::time::Duration;

/// How long a reader waits for a view that is not there yet. It takes a round trip; with no server to be had the servers' own answer is quicker.
const FILL: Duration = Duration::from_secs(1);

/// How a read may be answered from what the agent holds.
struct Allowance {
    view: Query,
    control: CacheControl,
}

impl Allowance {
    /// Whether an answer that is too old will do because the servers give none.
    fn may_stand_in(&self, age: Duration) -> bool {
        self.control.stale_if_error.is_none_or(|max| age <= max)
    }
}

impl<R: Runtime> Agent<R> {
    /// Answers a client of this agent: from what it holds if the client allows it, else from the servers.
    pub(in crate::server) async fn read_for_client(&self, query: Query, options: ReadOptions) -> Result<Answered, Refusal> {
        self.check_datacenter(options.dc.as_deref())?;
        let Some(allowance) = self.allowance(&query, &options) else {
            return match self.read_servers(&query, &options).await {
                Err(Refusal::NoServers) => Box::pin(self.read_alone(&query, &options)).await,
                done => done,
            };
        };
        let held = match self.raft() {
            Some(raft) => Box::pin(self.read_own(raft, &query, &options, &allowance)).await?,
            None => Box::pin(self.read_copy(&query, &options, &allowance)).await?,
        };
        let answered = match held {
            Some(answered) => answered,
            None => Answered { origin: Origin::Fetched, ..Box::pin(self.read_servers(&query, &options)).await? },
        };
        // Consul tells of its cache only those who ask for it.
        let origin = if options.cached.is_some() { answered.origin } else { Origin::Servers };
        Ok(Answered { origin, ..answered })
    }

    fn allowance(&self, query: &Query, options: &ReadOptions) -> Option<Allowance> {
        let tuning = &self.config().cache;
        let streams = tuning.streaming && options.min_index > 0 && query.is_streamed() && self.raft().is_none();
        let control = match (options.mode, options.cached) {
            (ReadMode::Default | ReadMode::Stale { .. }, Some(control)) if tuning.http => control,
            (ReadMode::Stale { .. }, None) if streams => CacheControl::default(),
            (ReadMode::Default | ReadMode::Stale { .. } | ReadMode::Consistent, _) => return None,
        };
        Some(Allowance { view: query.view()?, control })
    }

    async fn read_servers(&self, query: &Query, options: &ReadOptions) -> Result<Answered, Refusal> {
        let options = ReadOptions { cached: None, ..options.clone() };
        let answered = self.read(query, &options, None).await?;
        self.0.copies.saw(answered.answer.marks.index);
        let means = self.means(query, &options);
        Ok(shown(answered, Origin::Servers, means))
    }

    /// What Consul would say of how it waits, whose agents wait for a service's instances by a stream.
    fn means(&self, query: &Query, options: &ReadOptions) -> Means {
        let waits = options.min_index > 0 || options.cached.is_some();
        if waits && query.is_streamed() && self.config().cache.streaming { Means::Streaming } else { Means::BlockingQuery }
    }

    /// A server holds everything: it only has to have applied what its clients have seen.
    async fn read_own(
        &self,
        raft: &Raft<R>,
        query: &Query,
        options: &ReadOptions,
        allowance: &Allowance,
    ) -> Result<Option<Answered>, Refusal> {
        let first = self.0.recent.lock().expect("no panic while held").note(R::now(), &allowance.view);
        let applied = timeout::<R, _>(self.config().rpc_hold_timeout, raft.applied(self.0.copies.seen())).await;
        if !matches!(applied, Ok(Ok(()))) {
            return Ok(None);
        }
        let age = if self.known_leader(raft).is_some() { Duration::ZERO } else { raft.last_contact().unwrap_or(Duration::MAX) };
        if allowance.control.max_age.is_some_and(|max| age > max) {
            match self.read_servers(query, options).await {
                Ok(answered) => return Ok(Some(Answered { origin: Origin::Fetched, ..answered })),
                Err(refusal) if !allowance.may_stand_in(age) => return Err(refusal),
                Err(_) => {}
            }
        }
        let max_age = match options.mode {
            ReadMode::Stale { max_age } => max_age,
            ReadMode::Default | ReadMode::Consistent => None,
        };
        let stale = ReadOptions { mode: ReadMode::Stale { max_age }, cached: None, ..options.clone() };
        let mut answered = self.read(query, &stale, None).await?;
        // Whoever allowed a cached answer asked for no stale one, though that is how it is read here.
        answered.mode = match options.mode {
            ReadMode::Stale { .. } => answered.mode,
            ReadMode::Default | ReadMode::Consistent => options.mode,
        };
        let origin = match first {
            Use::First => Origin::Fetched,
            Use::Again => Origin::Held { age },
        };
        Ok(Some(shown(answered, origin, self.means(query, options))))
    }

    /// Answers from this client agent's copy; `None` if it can have none.
    async fn read_copy(&self, query: &Query, options: &ReadOptions, allowance: &Allowance) -> Result<Option<Answered>, Refusal> {
        let copies = &self.0.copies;
        let mut watched = copies.want(R::now(), &allowance.view);
        let awaited = matches!(*watched.borrow(), Copy::Awaited);
        if awaited && self.directory().to_ask().is_none() {
            return Ok(None);
        }
        let Some(answer) = self.filled(&mut watched).await else { return Ok(None) };
        let currency = copies.currency(R::now());
        if !awaited && is_staler::<R>(options, currency) {
            return Ok(None);
        }
        if !awaited && allowance.control.max_age.is_some_and(|max| currency.age > max) {
            match self.read_servers(query, options).await {
                Ok(answered) => return Ok(Some(Answered { origin: Origin::Fetched, ..answered })),
                Err(refusal) if !allowance.may_stand_in(currency.age) => return Err(refusal),
                Err(_) => {}
            }
        }
        let Some(answer) = self.news_of_copy(query, options, answer, &mut watched).await else { return Ok(None) };
        Ok(Some(self.answer_from_copy(copies, query, options, &answer, awaited)))
    }

    fn answer_from_copy(&self, copies: &Copies, query: &Query, options: &ReadOptions, answer: &Answer, awaited: bool) -> Answered {
        let now = R::now();
        let Currency { age, contact } = copies.currency(now);
        let origin = if awaited { Origin::Fetched } else { Origin::Held { age } };
        let answer = query.narrow(answer);
        let last_contact = contact.last_contact + age;
        // Whoever vouched once knows nothing of a leader since.
        let known_leader = contact.known_leader && age.is_zero();
        Answered { answer, known_leader, last_contact, mode: options.mode, origin, means: self.means(query, options) }
    }

    /// Answers a client that takes any age from this client agent's copy, there being no server to ask.
    async fn read_alone(&self, query: &Query, options: &ReadOptions) -> Result<Answered, Refusal> {
        let ReadMode::Stale { .. } = options.mode else { return Err(Refusal::NoServers) };
        let Some(view) = query.view() else { return Err(Refusal::NoServers) };
        let allowance = Allowance { view, control: CacheControl::default() };
        let answered = self.read_copy(query, options, &allowance).await?.ok_or(Refusal::NoServers)?;
        Ok(Answered { origin: Origin::Servers, known_leader: false, ..answered })
    }

    /// The copy once it is there; `None` if it will not be.
    async fn filled(&self, watched: &mut watch::Receiver<Copy>) -> Option<Arc<Answer>> {
        let filled = watched.wait_for(|copy| !matches!(copy, Copy::Awaited));
        tokio::select! {
            biased;
            filled = timeout::<R, _>(FILL, filled) => held(filled.ok()?.ok()?),
            () = self.stopping() => None,
        }
    }

    /// Waits until a copy is news to the client; `None` if there is no copy any more.
    async fn news_of_copy(
        &self,
        query: &Query,
        options: &ReadOptions,
        answer: Arc<Answer>,
        watched: &mut watch::Receiver<Copy>,
    ) -> Option<Arc<Answer>> {
        let (begun, mut wait) = (answer.marks.index, Wait::new(options.min_index));
        let mut is_news = |answer: &Answer| {
            // A smaller index than before: the state was replaced, and every wait ends. An answer is surely right as of the index it tells.
            answer.marks.index < begun || wait.look(answer.marks.index, &query.narrow(answer)) == Verdict::Send
        };
        if is_news(&answer) {
            return Some(answer);
        }
        let changed = watched.wait_for(|copy| match copy {
            Copy::Held(answer) => is_news(answer),
            Copy::Awaited => false,
            Copy::Refused => true,
        });
        let changed = tokio::select! {
            biased;
            changed = timeout::<R, _>(self.wait_of(options), changed) => changed.ok(),
            () = self.stopping() => None,
        };
        match changed {
            Some(changed) => held(changed.ok()?),
            None => held(watched.borrow().clone()),
        }
    }
}

fn held(copy: Copy) -> Option<Arc<Answer>> {
    match copy {
        Copy::Held(answer) => Some(answer),
        Copy::Awaited | Copy::Refused => None,
    }
}

/// Whether what is held may be older than `max_stale` allows.
fn is_staler<R: Runtime>(options: &ReadOptions, currency: Currency) -> bool {
    let staleness = currency.contact.last_contact + R::now().since(currency.contact.at);
    match options.mode {
        ReadMode::Stale { max_age } => max_age.is_some_and(|max| staleness > max),
        ReadMode::Default | ReadMode::Consistent => false,
    }
}

fn shown(answered: wire::Answered, origin: Origin, means: Means) -> Answered {
    let wire::Answered { answer, known_leader, last_contact, mode } = answered;
    Answered { answer, known_leader, last_contact, mode, origin, means }
}
