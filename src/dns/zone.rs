//! Answers about the domain itself, about addresses, and lists for browsing.

use super::choose::{Place, distinct};
use super::composer::Sheet;
use super::kind::Kind;
use super::service::is_wanted;
use super::settings::Ttl;
use super::writer::{Content, Section, Target, Unfit};
use std::net::IpAddr;
use std::sync::Arc;

/// Most servers that are named, as in Consul.
const MOST_SERVERS: usize = 3;

/// SOA and NS. Without servers there is still the zone.
pub(super) fn apex(sheet: &mut Sheet<'_, '_>) {
    let instances = sheet.inquiry.instances();
    sheet.picks.retain(|pick| instances[pick.row].node.spec.name.is_dns_safe());
    distinct(sheet.picks, |one, other| instances[one.row].node.spec.name.cmp(&instances[other.row].node.spec.name));
    sheet.picks.truncate(MOST_SERVERS);
    let section = match sheet.kind() {
        Kind::Ns => Section::Answer,
        Kind::Soa | Kind::Any => {
            // Nothing is before it: it has room.
            let _ = sheet.soa(Section::Answer, Target::Question);
            Section::Authority
        }
        Kind::A | Kind::Aaaa | Kind::Cname | Kind::Ptr | Kind::Txt | Kind::Srv | Kind::Svcb | Kind::Https | Kind::Other(_) => {
            return sheet.settle();
        }
    };
    let ttl = sheet.inquiry.settings.node_ttl;
    for at in 0..sheet.picks.len() {
        let mark = sheet.writer.mark();
        let node = &instances[sheet.picks[at].row].node.spec;
        let record = sheet.writer.len();
        let name = Target::Node(node.name.as_str());
        let named = sheet.writer.record(section, Target::Question, ttl, Content::Ns(name)).and_then(|()| {
            let owner = sheet.writer.name_in(record, 0).map_or(name, Target::Written);
            match Place::of(&node.address) {
                Place::At(address) => sheet.writer.record(Section::Additional, owner, ttl, Content::Address(address)),
                Place::Named => Ok(()),
            }
        });
        match named {
            Ok(()) => {}
            Err(Unfit::Full | Unfit::NoName) => sheet.writer.reset(mark),
        }
    }
    if section == Section::Answer && sheet.writer.counts[Section::Answer as usize] == 0 {
        sheet.fail();
    }
}

/// A name that is an address. The other family's is shown beside, as in newer Consul.
pub(super) fn address(sheet: &mut Sheet<'_, '_>, address: IpAddr) {
    let ttl = sheet.inquiry.settings.node_ttl;
    if is_wanted(address, sheet.kind()) {
        // It has room: nothing is before it.
        let _ = sheet.answer(ttl, Content::Address(address));
    } else if matches!(sheet.kind(), Kind::A | Kind::Aaaa) {
        let _ = sheet.writer.record(Section::Additional, Target::Question, ttl, Content::Address(address));
    }
    sheet.settle();
}

/// The name of an address.
pub(super) fn reverse(sheet: &mut Sheet<'_, '_>, target: Target<'_>) {
    let ttl = sheet.inquiry.settings.node_ttl;
    // A name that DNS cannot write is none.
    let _ = sheet.answer(ttl, Content::Ptr(target));
    sheet.settle();
}

/// The domain can be browsed (RFC 6763 section 11).
pub(super) fn domains(sheet: &mut Sheet<'_, '_>) {
    if matches!(sheet.kind(), Kind::Ptr | Kind::Any) {
        // It has room: nothing is before it.
        let _ = sheet.answer(Ttl::ZERO, Content::Ptr(Target::Zone));
    }
    sheet.settle();
}

/// The services there are (RFC 6763 section 9), as far as they have names that DNS can write.
pub(super) fn services(sheet: &mut Sheet<'_, '_>, names: &[(Arc<str>, Vec<Arc<str>>)]) {
    if matches!(sheet.kind(), Kind::Ptr | Kind::Any) {
        let ttl = sheet.inquiry.settings.service_ttl.of("");
        for (name, _) in names {
            if sheet.answer(ttl, Content::Ptr(Target::Browsed(name))) == Err(Unfit::Full) {
                break;
            }
        }
    }
    sheet.settle();
}
