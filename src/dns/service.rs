//! Answers about instances of a service.

use super::choose::{Pick, Place, address_of, distinct, lead, worst};
use super::composer::Sheet;
use super::inquiry::Inquiry;
use super::kind::{Kind, Rcode};
use super::settings::Ttl;
use super::svcb;
use super::writer::{Content, Section, Target, Unfit};
use crate::agent::query::Instance;
use crate::model::CheckStatus;
use std::cmp::Ordering;
use std::net::IpAddr;

/// Whether an address is of the family that is asked for.
pub(super) fn is_wanted(address: IpAddr, kind: Kind) -> bool {
    match kind {
        Kind::A => address.is_ipv4(),
        Kind::Aaaa => address.is_ipv6(),
        Kind::Any => true,
        Kind::Ns | Kind::Cname | Kind::Soa | Kind::Ptr | Kind::Txt | Kind::Srv | Kind::Svcb | Kind::Https | Kind::Other(_) => false,
    }
}

/// Whether another name is an answer.
pub(super) fn takes_alias(kind: Kind) -> bool {
    matches!(kind, Kind::A | Kind::Aaaa | Kind::Any | Kind::Cname)
}

/// What browsing calls an instance: `id@node`, which its node's name makes its own.
pub(super) fn label_of(instance: &Instance) -> String {
    format!("{}@{}", instance.service.id(), instance.node.spec.name.as_str())
}

/// Whether browsing calls it so; the label is in lower case.
pub(super) fn is_called(instance: &Instance, label: &str) -> bool {
    label_of(instance).to_lowercase() == label
}

/// Answers with the instances that were picked.
pub(super) fn answer(sheet: &mut Sheet<'_, '_>, ttl: Ttl) {
    if sheet.picks.is_empty() {
        return sheet.negative(Rcode::NxDomain);
    }
    match sheet.kind() {
        Kind::A | Kind::Aaaa | Kind::Any | Kind::Cname => addresses(sheet, ttl),
        Kind::Srv => places(sheet, ttl),
        Kind::Svcb | Kind::Https => {
            let instances = sheet.inquiry.instances();
            sheet.picks.retain(|pick| svcb::alpn_of(&instances[pick.row]).is_some());
            places(sheet, ttl);
        }
        Kind::Ptr => instances(sheet, ttl),
        Kind::Txt => texts(sheet, ttl),
        Kind::Ns | Kind::Soa | Kind::Other(_) => {}
    }
    sheet.settle();
}

fn addresses(sheet: &mut Sheet<'_, '_>, ttl: Ttl) {
    let kind = sheet.kind();
    let wanted = |pick: &Pick| match pick.place {
        Place::At(address) if is_wanted(address, kind) => Some(address),
        Place::At(_) | Place::Named => None,
    };
    if !sheet.picks.iter().any(|pick| wanted(pick).is_some()) {
        let named = sheet.picks.iter().find(|pick| pick.place == Place::Named).map(|pick| pick.row);
        if let Some(row) = named {
            let instances = sheet.inquiry.instances();
            sheet.alias(ttl, address_of(&instances[row]));
        }
        return;
    }
    sheet.picks.retain(|pick| wanted(pick).is_some());
    distinct(sheet.picks, |one, other| wanted(one).cmp(&wanted(other)));
    match sheet.inquiry.settings.a_record_limit {
        0 => {}
        limit => sheet.picks.truncate(limit),
    }
    for at in 0..sheet.picks.len() {
        if at == sheet.most_answers() {
            return sheet.leave_out();
        }
        let Some(address) = wanted(&sheet.picks[at]) else { continue };
        if sheet.answer(ttl, Content::Address(address)).is_err() {
            return;
        }
    }
}

/// What an SRV record leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leads<'a> {
    /// To the node, whose address it is.
    Node(&'a str),
    /// To an address of its own.
    Address(IpAddr),
    /// To another's name.
    Name(&'a str),
}

impl<'a> Leads<'a> {
    fn of(instance: &'a Instance, place: Place) -> Leads<'a> {
        match (instance.service.address(), place) {
            ("", _) => Leads::Node(instance.node.spec.name.as_str()),
            (_, Place::At(address)) => Leads::Address(address),
            (name, Place::Named) => Leads::Name(name),
        }
    }

    const fn target(self) -> Target<'a> {
        match self {
            Leads::Node(name) => Target::Node(name),
            Leads::Address(address) => Target::Hex(address),
            Leads::Name(name) => Target::Text(name),
        }
    }
}

/// The port of an instance, if there can be such a port.
fn port_of(instance: &Instance) -> Option<u16> {
    u16::try_from(instance.service.port()).ok()
}

/// SRV, SVCB and HTTPS: where instances are, with the addresses of the targets in the additional section.
fn places(sheet: &mut Sheet<'_, '_>, ttl: Ttl) {
    let inquiry = sheet.inquiry;
    let instances = inquiry.instances();
    let leads = |pick: &Pick| Leads::of(&instances[pick.row], pick.place);
    let port = |pick: &Pick| instances[pick.row].service.port();
    let node = |pick: &Pick| instances[pick.row].node.spec.name.as_str();
    sheet.picks.retain(|pick| port_of(&instances[pick.row]).is_some());
    distinct(sheet.picks, |one, other| leads(one).cmp(&leads(other)).then_with(|| port(one).cmp(&port(other))));
    lead(sheet.picks, |one, other| leads(one).cmp(&leads(other)), |pick, leads| pick.leads_target = leads);
    lead(sheet.picks, |one: &Pick, other: &Pick| -> Ordering { node(one).cmp(node(other)) }, |pick, leads| pick.leads_node = leads);
    let mut written = 0;
    for at in 0..sheet.picks.len() {
        if written == sheet.most_answers() {
            return sheet.leave_out();
        }
        let pick = sheet.picks[at];
        let outcome = match place(sheet, ttl, &pick, Extras::All) {
            // The first is answered even if only it fits.
            Err(Unfit::Full) if written == 0 => {
                place(sheet, ttl, &pick, Extras::Addresses).or_else(|_| place(sheet, ttl, &pick, Extras::None))
            }
            outcome => outcome,
        };
        match outcome {
            Ok(()) => written += 1,
            Err(Unfit::Full) => return sheet.leave_out(),
            Err(Unfit::NoName) => {}
        }
    }
}

/// What stands in the additional section for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extras {
    All,
    Addresses,
    None,
}

/// One instance with what belongs to it, or nothing of it.
fn place(sheet: &mut Sheet<'_, '_>, ttl: Ttl, pick: &Pick, extras: Extras) -> Result<(), Unfit> {
    let mark = sheet.writer.mark();
    let instances = sheet.inquiry.instances();
    let leads = Leads::of(&instances[pick.row], pick.place);
    let mut outcome = place_behind(sheet, ttl, pick, leads.target(), extras);
    if let (Err(Unfit::NoName), Place::At(address)) = (outcome, pick.place) {
        // The node has a name that DNS cannot write.
        sheet.writer.reset(mark);
        outcome = place_behind(sheet, ttl, pick, Target::Hex(address), extras);
    }
    if outcome.is_err() {
        sheet.writer.reset(mark);
    }
    outcome
}

fn place_behind(sheet: &mut Sheet<'_, '_>, ttl: Ttl, pick: &Pick, target: Target<'_>, extras: Extras) -> Result<(), Unfit> {
    let inquiry = sheet.inquiry;
    let instance = &inquiry.instances()[pick.row];
    let record = sheet.writer.len();
    let (content, skipped) = match content_of(&inquiry, instance, pick, target) {
        Some(content) => content,
        None => return Err(Unfit::NoName),
    };
    sheet.writer.record(Section::Answer, Target::Question, ttl, content)?;
    let target = sheet.writer.name_in(record, skipped).map_or(target, Target::Written);
    if extras != Extras::None && pick.leads_target {
        match (pick.place, instance.service.address()) {
            (Place::At(address), _) => sheet.writer.record(Section::Additional, target, ttl, Content::Address(address))?,
            (Place::Named, "") => named(sheet, ttl, target, &instance.node.spec.address)?,
            (Place::Named, _) => {}
        }
    }
    if extras == Extras::All && inquiry.settings.node_meta_txt && pick.leads_node {
        let node = &instance.node.spec;
        let owner = if instance.service.address().is_empty() { target } else { Target::Node(node.name.as_str()) };
        for (key, value) in &node.meta {
            match sheet.writer.record(Section::Additional, owner, ttl, Content::Pair(key, value)) {
                // A node that has no name in DNS has no records either.
                Ok(()) | Err(Unfit::NoName) => {}
                Err(Unfit::Full) => return Err(Unfit::Full),
            }
        }
    }
    Ok(())
}

/// The name that a node's address is, unless it cannot be written.
fn named(sheet: &mut Sheet<'_, '_>, ttl: Ttl, owner: Target<'_>, address: &str) -> Result<(), Unfit> {
    match sheet.writer.record(Section::Additional, owner, ttl, Content::Cname(Target::Text(address))) {
        Ok(()) | Err(Unfit::NoName) => Ok(()),
        Err(Unfit::Full) => Err(Unfit::Full),
    }
}

/// What the record of an instance says, and how many bytes stand before the target in it.
fn content_of<'a>(inquiry: &Inquiry<'a>, instance: &'a Instance, pick: &Pick, target: Target<'a>) -> Option<(Content<'a>, usize)> {
    let port = port_of(instance)?;
    let kind = inquiry.request.kind;
    if kind == Kind::Srv {
        return Some((Content::Srv { weight: weight_of(inquiry, instance), port, target }, 6));
    }
    let hint = match pick.place {
        Place::At(address) => Some(address),
        Place::Named => None,
    };
    Some((Content::Service { kind, target, alpn: svcb::alpn_of(instance)?, port, hint }, 2))
}

/// An instance's share of the clients while its checks stand as they do.
fn weight_of(inquiry: &Inquiry<'_>, instance: &Instance) -> u16 {
    let weights = instance.service.weights();
    let weight = match worst(instance) {
        CheckStatus::Passing => weights.passing,
        CheckStatus::Warning => weights.warning,
        CheckStatus::Critical => 0,
    };
    let factor = i64::from(inquiry.settings.weight_factor);
    weight.clamp(0, i64::from(u16::MAX)).saturating_mul(factor).min(i64::from(u16::MAX)) as u16
}

/// The instances as browsing names them (RFC 6763 section 4).
fn instances(sheet: &mut Sheet<'_, '_>, ttl: Ttl) {
    let instances = sheet.inquiry.instances();
    for at in 0..sheet.picks.len() {
        if at == sheet.most_answers() {
            return sheet.leave_out();
        }
        let label = label_of(&instances[sheet.picks[at].row]);
        match sheet.answer(ttl, Content::Ptr(Target::BelowQuestion(&label))) {
            // A longer label than can be written cannot be browsed.
            Ok(()) | Err(Unfit::NoName) => {}
            Err(Unfit::Full) => return,
        }
    }
}

/// What one instance says of itself.
fn texts(sheet: &mut Sheet<'_, '_>, ttl: Ttl) {
    let instances = sheet.inquiry.instances();
    if let ([pick], true) = (sheet.picks.as_slice(), sheet.inquiry.is_of_instance()) {
        let meta = instances[pick.row].service.meta();
        // What finds no room is told by TC.
        let _ = sheet.answer(ttl, Content::Pairs(meta));
    }
}
