//! One question, from message to message.

use super::Dns;
use super::counters::{Counters, Event};
use super::look::Looked;
use super::prepared::Carried;
use super::recursor::cut_short;
use super::setting::Setting;
use crate::dns::Standing;
use crate::dns::{
    Composer, Content, Found, Inquiry, Kind, MOST_HOPS, Order, OwnedName, Plan, Rcode, Record, Recursion, Request, Transport,
    found_nothing, question, read_records,
};
use crate::runtime::{Chance, Runtime};
use std::net::IpAddr;
use std::time::Duration;

/// An answer that is older counts as stale, as in Consul.
const STALE: Duration = Duration::from_secs(5);

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered: the reply is on the desk. Says what is known of the asker's address.
    Answered(Standing),
    /// It is not answered.
    Silence,
    /// Something has to be waited for.
    Wait,
}

/// What a task writes its answers with.
#[derive(Debug, Default)]
pub(super) struct Desk {
    composer: Composer,
    /// The reply that was written last.
    pub(super) reply: Vec<u8>,
}

impl Desk {
    fn put(&mut self, reply: &[u8]) {
        self.reply.clear();
        self.reply.extend_from_slice(reply);
    }
}

/// Where and for whom a message is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) address: IpAddr,
    pub(super) transport: Transport,
    pub(super) counters: &'a Counters,
}

impl<R: Runtime> Dns<R> {
    /// Answers `message` from what is at hand.
    pub(super) fn answer_now(&self, message: &[u8], asker: Asker<'_>, desk: &mut Desk) -> Verdict {
        let mut request = match Request::read(message, asker.transport) {
            Ok(request) => request,
            Err(refused) => {
                asker.counters.refuse(refused.reason);
                let Some(reply) = &refused.reply else { return Verdict::Silence };
                desk.put(reply);
                return Verdict::Answered(Standing::Unknown);
            }
        };
        let current = self.shared.current.load();
        let standing = self.give_cookie(&mut request, asker.address);
        let plan = Plan::of(request.name, request.kind, &current.answers);
        let looked;
        let found = match &plan {
            Plan::Settled(_) => Found::Nothing,
            Plan::PreparedQuery { .. } => return Verdict::Wait,
            Plan::Ask(ask) => {
                let Some(at_hand) = self.look_now(&ask.query, &current.freshness) else { return Verdict::Wait };
                looked = at_hand;
                found_of(&looked)
            }
            Plan::Recurse => return Verdict::Wait,
        };
        let inquiry = Inquiry { settings: &current.answers, request: &request, plan: &plan, found };
        if is_passed_on(&inquiry) {
            return Verdict::Wait;
        }
        match desk.composer.choose(&inquiry, &mut Chance::<R>::new()) {
            Some(name) if can_follow(&current, &name) => Verdict::Wait,
            Some(_) | None => {
                self.finish(&inquiry, &[], asker, desk);
                Verdict::Answered(standing)
            }
        }
    }

    /// Answers `message`, asking servers and recursors where that is needed.
    pub(super) async fn answer_in_time(&self, message: &[u8], asker: Asker<'_>, desk: &mut Desk) -> Verdict {
        // It was read before, or it would not have to wait.
        let Ok(mut request) = Request::read(message, asker.transport) else { return Verdict::Silence };
        let current = self.shared.current.load_full();
        let standing = self.give_cookie(&mut request, asker.address);
        let plan = Plan::of(request.name, request.kind, &current.answers);
        let learned = self.learn_for(&plan, &current, asker.address).await;
        let found = learned.found();
        let inquiry = Inquiry { settings: &current.answers, request: &request, plan: &plan, found };
        if (plan == Plan::Recurse || is_passed_on(&inquiry))
            && let Some(reply) = current.recursors.ask::<R>(message, asker.transport, asker.counters).await
        {
            desk.put(&reply);
            if reply.len() > request.limit() {
                cut_short(&mut desk.reply);
            }
            return Verdict::Answered(standing);
        }
        let followed = match desk.composer.choose(&inquiry, &mut Chance::<R>::new()) {
            Some(name) => self.follow(&current, &request, name, asker).await,
            None => Vec::new(),
        };
        self.finish(&inquiry, &followed, asker, desk);
        Verdict::Answered(standing)
    }

    fn finish(&self, inquiry: &Inquiry<'_>, followed: &[Record], asker: Asker<'_>, desk: &mut Desk) {
        let composed = desk.composer.compose(inquiry, followed, R::wall());
        match (inquiry.settings.zone_of(inquiry.request.name), inquiry.plan) {
            (Some(_), _) => asker.counters.count(Event::DomainQuery),
            (None, Plan::Ask(_)) => asker.counters.count(Event::PtrQuery),
            (None, Plan::Settled(_) | Plan::PreparedQuery { .. } | Plan::Recurse) => {}
        }
        if matches!(inquiry.found, Found::Rows { age, .. } if age > STALE) {
            asker.counters.count(Event::StaleQuery);
        }
        if composed.rcode == Rcode::ServFail {
            asker.counters.count(Event::ServerFailure);
        }
        let Desk { composer, reply } = desk;
        reply.clear();
        reply.extend_from_slice(composer.message());
    }

    /// What is found under a name that stands for an address, one name after the other.
    async fn follow(&self, current: &Setting, request: &Request<'_>, first: OwnedName, asker: Asker<'_>) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        let mut next = Some(first);
        for _ in 0..MOST_HOPS {
            let Some(name) = next.take().filter(|name| can_follow(current, name)) else { break };
            let more = match current.answers.zone_of(name.as_name()) {
                Some(_) => self.own_records(current, &request.about(name.as_name()), asker.address).await,
                None => {
                    // ANY is answered as it pleases recursors (RFC 8482).
                    let kind = if request.kind == Kind::Any { Kind::A } else { request.kind };
                    let query = question(0, name.as_name(), kind);
                    let reply = current.recursors.ask::<R>(&query, asker.transport, asker.counters).await;
                    reply.map(|reply| read_records(&reply, name.as_name())).unwrap_or_default()
                }
            };
            next = more.last().and_then(|record| match &record.content {
                Content::Alias(name) => Some(name.clone()),
                Content::Address(_) => None,
            });
            records.extend(more);
        }
        records
    }

    /// Asks what a plan asks, for who is at that address.
    async fn learn_for(&self, plan: &Plan, current: &Setting, asker: IpAddr) -> Learned {
        match plan {
            Plan::Ask(ask) => self.look(&ask.query, &current.freshness).await.map_or(Learned::Unknown, Learned::Looked),
            Plan::PreparedQuery { name } => {
                let carried = Box::pin(self.carry_out(name, &current.freshness, asker)).await;
                carried.map_or(Learned::Unknown, Learned::Carried)
            }
            Plan::Settled(_) => Learned::Nothing,
            Plan::Recurse => Learned::Unknown,
        }
    }

    /// What the catalog has under a name of ours.
    async fn own_records(&self, current: &Setting, request: &Request<'_>, asker: IpAddr) -> Vec<Record> {
        let plan = Plan::of(request.name, request.kind, &current.answers);
        let learned = self.learn_for(&plan, current, asker).await;
        let found = learned.found();
        Inquiry { settings: &current.answers, request, plan: &plan, found }.records(&mut Chance::<R>::new())
    }

    /// Gives an asker that brought its cookie one of ours, and says whether it had one.
    fn give_cookie(&self, request: &mut Request<'_>, address: IpAddr) -> Standing {
        let Some(cookie) = request.edns.as_ref().and_then(|edns| edns.cookie) else { return Standing::Unknown };
        let now = (R::wall().as_unix_nanos() / 1_000_000_000) as u32;
        request.cookie = Some(self.shared.secret.make(cookie.client, address, now));
        self.shared.secret.judge(&cookie, address, now)
    }
}

/// What came of asking what a plan asks.
enum Learned {
    /// Nothing had to be asked.
    Nothing,
    /// Nobody could tell, or recursors have to.
    Unknown,
    Looked(Looked),
    Carried(Carried),
}

impl Learned {
    fn found(&self) -> Found<'_> {
        match self {
            Learned::Nothing => Found::Nothing,
            Learned::Unknown => Found::Unknown,
            Learned::Looked(looked) => found_of(looked),
            Learned::Carried(carried) => carried.found(),
        }
    }
}

fn found_of(looked: &Looked) -> Found<'_> {
    Found::Rows { rows: &looked.answer.rows, order: Order::Shuffled, age: looked.age }
}

/// Whether a reverse look-up that found nothing here is for the recursors.
fn is_passed_on(inquiry: &Inquiry<'_>) -> bool {
    let nothing = match inquiry.found {
        Found::Rows { rows, .. } => found_nothing(rows),
        Found::Nothing | Found::Executed { .. } | Found::NoQuery | Found::Unknown => false,
    };
    nothing && inquiry.settings.recursion == Recursion::Offered && inquiry.settings.zone_of(inquiry.request.name).is_none()
}

/// Whether a name that stands for an address can be looked up: it is ours, or there are recursors.
fn can_follow(current: &Setting, name: &OwnedName) -> bool {
    current.answers.recursion == Recursion::Offered || current.answers.zone_of(name.as_name()).is_some()
}
