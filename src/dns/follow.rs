//! Addresses that are names: which one has to be followed, and what is found under a name of ours.

use super::choose::{Pick, Place, address_of, distinct};
use super::grammar::Subject;
use super::inquiry::{Content, Found, Inquiry, Record};
use super::kind::Kind;
use super::name::{Name, OwnedName};
use super::plan::{Plan, Settled};
use super::request::Request;
use super::service::{is_wanted, takes_alias};
use super::settings::Ttl;
use crate::agent::query::Rows;
use rand::Rng;
use std::net::IpAddr;

/// How many names are followed from one question, as in Consul.
pub const MOST_HOPS: usize = 3;

impl<'a> Request<'a> {
    /// The same asker's question for another name.
    pub fn about<'b>(&'b self, name: Name<'b>) -> Request<'b> {
        Request { name, ..self.clone() }
    }
}

impl<'a> Inquiry<'a> {
    /// The name that the answer will be instead of addresses, if it comes to that.
    pub(super) fn alias(&self, picks: &[Pick]) -> Option<OwnedName> {
        if !matches!(self.request.kind, Kind::A | Kind::Aaaa | Kind::Any) {
            return None;
        }
        match self.places(picks) {
            Places::Addresses => None,
            Places::Name(name) => OwnedName::parse(name),
        }
    }

    fn places(&self, picks: &[Pick]) -> Places<'a> {
        let kind = self.request.kind;
        let is_address = |place: Place| matches!(place, Place::At(address) if is_wanted(address, kind));
        if picks.iter().any(|pick| is_address(pick.place)) {
            return Places::Addresses;
        }
        let named = picks.iter().find(|pick| pick.place == Place::Named).map(|pick| address_of(&self.instances()[pick.row]));
        let named = named.or_else(|| self.node_address().filter(|address| Place::of(address) == Place::Named));
        named.map_or(Places::Addresses, Places::Name)
    }

    /// The address of the node that was asked for.
    fn node_address(&self) -> Option<&'a str> {
        match (self.plan, self.found) {
            (Plan::Ask(ask), Found::Rows { rows: Rows::NodeServices(Some(found)), .. }) if matches!(ask.subject, Subject::Node(_)) => {
                Some(&found.node.spec.address)
            }
            _ => None,
        }
    }

    /// What an answer would say of addresses: for a name of ours that was followed from another. Empty if there is none.
    pub fn records<R: Rng>(&self, rng: &mut R) -> Vec<Record> {
        let kind = self.request.kind;
        if !takes_alias(kind) {
            return Vec::new();
        }
        let mut picks = Vec::new();
        self.pick(&mut picks, rng);
        let record = |ttl: Ttl, content: Content| Record { owner: self.request.name.to_owned(), ttl, content };
        if let Places::Name(name) = self.places(&picks) {
            return OwnedName::parse(name).map(|name| record(self.ttl(), Content::Alias(name))).into_iter().collect();
        }
        let address_of = |pick: &Pick| match pick.place {
            Place::At(address) => Some(address).filter(|address| is_wanted(*address, kind)),
            Place::Named => None,
        };
        distinct(&mut picks, |one, other| address_of(one).cmp(&address_of(other)));
        let of_one = self.sole_address().filter(|address| is_wanted(*address, kind));
        let addresses = picks.iter().filter_map(address_of).chain(of_one);
        addresses.map(|address| record(self.ttl(), Content::Address(address))).collect()
    }

    /// The address of a node, or the one that a name writes.
    fn sole_address(&self) -> Option<IpAddr> {
        match self.plan {
            Plan::Settled(Settled::Address(address)) => Some(*address),
            Plan::Settled(_) | Plan::Ask(_) | Plan::PreparedQuery { .. } | Plan::Recurse => self.node_address()?.parse().ok(),
        }
    }

    /// For how long what is said of the name may be kept.
    pub(super) fn ttl(&self) -> Ttl {
        match (self.plan, self.found) {
            (_, Found::Executed { ttl: Some(ttl), .. }) => ttl,
            (_, Found::Executed { service, .. }) => self.settings.service_ttl.of(&service.to_lowercase()),
            (Plan::Ask(ask), _) => match &ask.subject {
                Subject::Service { name, .. } | Subject::Instance { name, .. } => self.settings.service_ttl.of(name),
                Subject::Apex
                | Subject::Node(_)
                | Subject::PreparedQuery(_)
                | Subject::Address(_)
                | Subject::ServiceList
                | Subject::Domains
                | Subject::Reverse(_)
                | Subject::NoName(_)
                | Subject::Foreign => self.settings.node_ttl,
            },
            (Plan::Settled(_) | Plan::PreparedQuery { .. } | Plan::Recurse, _) => self.settings.node_ttl,
        }
    }
}

/// What an answer about addresses comes to.
enum Places<'a> {
    /// Addresses, or nothing.
    Addresses,
    /// Another name.
    Name(&'a str),
}
