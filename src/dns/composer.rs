//! Writing answers.

use super::choose::Pick;
use super::edns::Opt;
use super::explain;
use super::grammar::Subject;
use super::inquiry::{Content as Followed, Found, Inquiry, Record};
use super::kind::{Kind, Rcode};
use super::name::OwnedName;
use super::plan::{Plan, Settled};
use super::request::Transport;
use super::settings::{Recursion, Ttl};
use super::writer::{Compression, Content, Naming, Section, Target, Unfit, Writer};
use super::{node, service, zone};
use crate::agent::query::Rows;
use crate::model::Timestamp;
use rand::Rng;

/// Most answers over UDP without EDNS, whatever is configured (Consul's limit, which fits 512 bytes).
const MOST_PLAIN: usize = 8;
/// Most records that following a name adds to an answer without EDNS (Consul's limit).
const MOST_FOLLOWED: usize = 5;

/// Writes answers, one after the other, into buffers that it keeps.
#[derive(Debug, Default)]
pub struct Composer {
    message: Vec<u8>,
    extras: Vec<u8>,
    picks: Vec<Pick>,
    why: String,
}

/// What an answer came out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Composed {
    /// Its code.
    pub rcode: Rcode,
    /// Records in its answer section.
    pub answers: u16,
    /// Whether there would have been more of them.
    pub cut: Cut,
}

/// Whether answers were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// None were.
    Nothing,
    /// Some were, for want of room.
    Some,
    /// All were: the asker must come by TCP.
    All,
}

impl Composer {
    /// Decides by chance which instances are answered and in which order. Returns the name that has to be resolved for the answer to be whole: of the
    /// instance or node whose address is a name. What was found under it goes into [`Composer::compose`].
    pub fn choose<R: Rng>(&mut self, inquiry: &Inquiry<'_>, rng: &mut R) -> Option<OwnedName> {
        inquiry.pick(&mut self.picks, rng);
        inquiry.alias(&self.picks)
    }

    /// Writes the answer, with the records that were found under the name that [`Composer::choose`] returned for the same inquiry just before. `now`
    /// numbers the zone.
    pub fn compose(&mut self, inquiry: &Inquiry<'_>, followed: &[Record], now: Timestamp) -> Composed {
        let Composer { message, extras, picks, why } = self;
        let request = inquiry.request;
        let mut opt = request.edns.map(|edns| Opt {
            udp_size: edns.udp_size,
            rcode: 0,
            subnet: edns.subnet.map(|subnet| (subnet, inquiry.scope(subnet.prefix))),
            cookie: request.cookie,
            explained: None,
        });
        let limit = request.limit() - opt.map_or(0, |opt| opt.len());
        let writer = Writer::begin(message, extras, (request.name, request.question), limit, inquiry.naming());
        let mut sheet = Sheet { writer, inquiry: *inquiry, picks, followed, now, rcode: Rcode::NoError, cut: Cut::Nothing };
        sheet.fill();
        let composed = sheet.close(opt.as_ref());
        if let Some(opt) = &mut opt {
            opt.rcode = composed.rcode.number();
            let explained = explain::explain(inquiry, composed.rcode, why).map(|explained| (explained, why.as_str()));
            let whole = Opt { explained, ..*opt };
            let fits = message.len() + whole.len() <= request.limit();
            if fits { whole } else { *opt }.write(message);
        }
        assert!(message.len() <= request.limit(), "an answer is never longer than the asker takes");
        composed
    }

    /// The answer that was written last, without TCP's length.
    pub fn message(&self) -> &[u8] {
        &self.message
    }
}

impl<'a> Inquiry<'a> {
    /// How names of ours are written.
    fn naming(&self) -> Naming<'a> {
        let datacenter = match self.found {
            Found::Executed { datacenter, .. } => datacenter,
            Found::Rows { .. } | Found::Nothing | Found::NoQuery | Found::Unknown => self.settings.datacenter.as_str(),
        };
        let compression = if self.settings.disable_compression { Compression::Off } else { Compression::On };
        let zone = self.settings.zone_of(self.request.name);
        Naming {
            domain: &self.settings.domain,
            zone: zone.map_or(&self.settings.domain, |(zone, _)| zone),
            zone_offset: zone.map(|(_, offset)| offset),
            datacenter,
            compression,
        }
    }

    /// For how many bits of the asker's subnet an answer holds (RFC 7871 section 7.2.1): only prepared queries look at it.
    fn scope(&self, prefix: u8) -> u8 {
        match self.plan {
            Plan::PreparedQuery { .. } => prefix,
            Plan::Ask(_) | Plan::Settled(_) | Plan::Recurse => 0,
        }
    }
}

/// An answer that is being written.
pub(super) struct Sheet<'s, 'a> {
    pub(super) writer: Writer<'s>,
    pub(super) inquiry: Inquiry<'a>,
    pub(super) picks: &'s mut Vec<Pick>,
    followed: &'a [Record],
    now: Timestamp,
    rcode: Rcode,
    cut: Cut,
}

impl Sheet<'_, '_> {
    fn fill(&mut self) {
        match (self.inquiry.plan, self.inquiry.found) {
            (Plan::Settled(settled), _) => self.settled(settled),
            (Plan::Recurse, _) => self.rcode = Rcode::ServFail,
            (Plan::PreparedQuery { .. }, Found::Executed { service, ttl, .. }) => {
                let ttl = ttl.unwrap_or_else(|| self.inquiry.settings.service_ttl.of(&service.to_lowercase()));
                service::answer(self, ttl);
            }
            (Plan::PreparedQuery { .. }, Found::NoQuery) => self.negative(Rcode::NxDomain),
            (Plan::Ask(ask), Found::Rows { rows, .. }) => self.asked(&ask.subject, rows),
            (Plan::Ask(ask), _) if ask.subject == Subject::Apex => zone::apex(self),
            // Whoever could not be asked did not say that there is no such name.
            (Plan::Ask(_), _) | (Plan::PreparedQuery { .. }, _) => self.rcode = Rcode::ServFail,
        }
    }

    fn settled(&mut self, settled: &Settled) {
        match settled {
            Settled::Apex => self.negative(Rcode::NoError),
            Settled::Address(address) => zone::address(self, *address),
            Settled::Domains => zone::domains(self),
            Settled::NoName(_) => self.negative(Rcode::NxDomain),
            Settled::NotOurs => self.rcode = Rcode::Refused,
        }
    }

    fn asked(&mut self, subject: &Subject, rows: &Rows) {
        match (subject, rows) {
            (Subject::Apex, Rows::Instances(_)) => zone::apex(self),
            (Subject::Service { name, .. } | Subject::Instance { name, .. }, Rows::Instances(_)) => {
                let ttl = self.inquiry.settings.service_ttl.of(name);
                service::answer(self, ttl);
            }
            (Subject::Node(_), Rows::NodeServices(found)) => match found {
                Some(found) => node::answer(self, &found.node),
                None => self.negative(Rcode::NxDomain),
            },
            (Subject::ServiceList, Rows::ServiceNames(names)) => zone::services(self, names),
            (Subject::Reverse(_), Rows::Nodes(nodes)) => match nodes.first() {
                Some(node) => zone::reverse(self, Target::Node(node.spec.name.as_str())),
                None => self.negative(Rcode::NxDomain),
            },
            (Subject::Reverse(_), Rows::Instances(instances)) => match instances.first() {
                Some(instance) => zone::reverse(self, Target::Service(instance.service.name())),
                None => self.negative(Rcode::NxDomain),
            },
            // Another answer than to what was asked says nothing.
            _ => self.rcode = Rcode::ServFail,
        }
    }

    /// What is asked for.
    pub(super) fn kind(&self) -> Kind {
        self.inquiry.request.kind
    }

    /// Whether the answer goes where no more than 512 bytes can be counted on.
    pub(super) fn is_plain(&self) -> bool {
        let request = self.inquiry.request;
        request.transport == Transport::Udp && request.edns.is_none_or(|edns| usize::from(edns.udp_size) <= 512)
    }

    /// The most answers, of which there could be more.
    pub(super) fn most_answers(&self) -> usize {
        let limit = self.inquiry.settings.udp_answer_limit;
        if self.is_plain() { limit.clamp(1, MOST_PLAIN) } else { usize::MAX }
    }

    /// Appends an answer.
    pub(super) fn answer(&mut self, ttl: Ttl, content: Content<'_>) -> Result<(), Unfit> {
        let written = self.writer.record(Section::Answer, Target::Question, ttl, content);
        if written == Err(Unfit::Full) {
            self.leave_out();
        }
        written
    }

    /// Answers are left out for want of room.
    pub(super) fn leave_out(&mut self) {
        self.cut = if self.writer.counts[Section::Answer as usize] == 0 { Cut::All } else { Cut::Some };
    }

    /// Appends another name for the one that was asked, and what was found under it.
    pub(super) fn alias(&mut self, ttl: Ttl, address: &str) {
        if self.answer(ttl, Content::Cname(Target::Text(address))).is_err() {
            return;
        }
        let most = if self.inquiry.request.edns.is_some() { usize::MAX } else { MOST_FOLLOWED };
        for record in self.followed.iter().take(most) {
            let content = match &record.content {
                Followed::Address(address) => Content::Address(*address),
                Followed::Alias(name) => Content::Cname(Target::Whole(name.as_name())),
            };
            if self.writer.record(Section::Answer, Target::Whole(record.owner.as_name()), record.ttl, content) == Err(Unfit::Full) {
                return self.leave_out();
            }
        }
    }

    /// Says that there is nothing, and for how long that may be remembered (RFC 2308 section 3), unless something is there but found no room.
    pub(super) fn negative(&mut self, rcode: Rcode) {
        self.rcode = rcode;
        if self.cut == Cut::Nothing {
            // One that finds no room is missing.
            let _ = self.soa(Section::Authority, Target::Zone);
        }
    }

    /// Appends the zone's record.
    pub(super) fn soa(&mut self, section: Section, owner: Target<'_>) -> Result<(), Unfit> {
        let soa = self.inquiry.settings.soa;
        let serial = (self.now.as_unix_nanos() / 1_000_000_000) as u32;
        self.writer.record(section, owner, soa.min_ttl, Content::Soa { serial, soa })
    }

    /// Says that there is such a name without what was asked for, if no answer was written.
    pub(super) fn settle(&mut self) {
        if self.writer.counts[Section::Answer as usize] == 0 {
            self.negative(Rcode::NoError);
        }
    }

    /// Nobody could tell.
    pub(super) fn fail(&mut self) {
        self.rcode = Rcode::ServFail;
    }

    /// Writes the header and joins the sections.
    fn close(self, opt: Option<&Opt<'_>>) -> Composed {
        let Sheet { writer, inquiry, rcode, cut, .. } = self;
        let counts = writer.counts;
        let Inquiry { request, settings, .. } = inquiry;
        let authoritative = !matches!(rcode, Rcode::ServFail | Rcode::Refused);
        let truncated = match cut {
            Cut::Nothing => false,
            Cut::Some => settings.enable_truncate,
            Cut::All => true,
        };
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = 0x80 | bit(authoritative, 0x04) | bit(truncated, 0x02) | bit(request.recursion_desired, 0x01);
        let more_flags = bit(settings.recursion == Recursion::Offered, 0x80) | (rcode.number() & 0xF) as u8;
        writer.end(|message| {
            message[..2].copy_from_slice(&request.id.to_be_bytes());
            message[2..6].copy_from_slice(&[flags, more_flags, 0, 1]);
            let additional = counts[2] + u16::from(opt.is_some());
            for (at, count) in [counts[0], counts[1], additional].into_iter().enumerate() {
                message[6 + 2 * at..8 + 2 * at].copy_from_slice(&count.to_be_bytes());
            }
        });
        Composed { rcode, answers: counts[0], cut }
    }
}
