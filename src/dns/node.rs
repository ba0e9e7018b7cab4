//! Answers about a node.

use super::choose::Place;
use super::composer::Sheet;
use super::kind::Kind;
use super::service::{is_wanted, takes_alias};
use super::writer::{Content, Section, Target};
use crate::state::nodes::Node;

/// Answers with a node's address and its meta.
pub(super) fn answer(sheet: &mut Sheet<'_, '_>, node: &Node) {
    let ttl = sheet.inquiry.settings.node_ttl;
    let kind = sheet.kind();
    match Place::of(&node.spec.address) {
        Place::At(address) if is_wanted(address, kind) => {
            // An address that finds no room is told by TC.
            let _ = sheet.answer(ttl, Content::Address(address));
        }
        Place::Named if takes_alias(kind) => sheet.alias(ttl, &node.spec.address),
        Place::At(_) | Place::Named => {}
    }
    let section = match kind {
        Kind::Txt | Kind::Any => Some(Section::Answer),
        Kind::A | Kind::Aaaa if sheet.inquiry.settings.node_meta_txt => Some(Section::Additional),
        Kind::A | Kind::Aaaa | Kind::Ns | Kind::Cname | Kind::Soa | Kind::Ptr | Kind::Srv | Kind::Svcb | Kind::Https | Kind::Other(_) => {
            None
        }
    };
    for (key, value) in node.spec.meta.iter().filter(|_| section.is_some()) {
        let written = match section {
            Some(Section::Answer) => sheet.answer(ttl, Content::Pair(key, value)),
            Some(section) => sheet.writer.record(section, Target::Question, ttl, Content::Pair(key, value)),
            None => break,
        };
        if written.is_err() {
            break;
        }
    }
    sheet.settle();
}
