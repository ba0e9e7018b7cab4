//! What has to be asked before a question can be answered.

use super::grammar::{self, Subject};
use super::kind::Kind;
use super::name::Name;
use super::settings::{Recursion, Settings};
use crate::agent::query::{Choice, Query, Rows};
use std::net::IpAddr;

/// The service that the servers themselves are.
const SERVERS: &str = "consul";

/// What has to be asked before a question can be answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Nothing: the name says it all.
    Settled(Settled),
    /// The catalog.
    Ask(Ask),
    /// A prepared query, by its name or id.
    PreparedQuery {
        /// As it stands in the name, in lower case.
        name: String,
    },
    /// A recursor: the name is not ours.
    Recurse,
}

/// What is known without asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// The domain itself, asked for what it never has.
    Apex,
    /// A name that is an address.
    Address(IpAddr),
    /// The domains that can be browsed (RFC 6763 section 11).
    Domains,
    /// There is no such name, and why.
    NoName(NoName),
    /// The name is not ours and nobody else is asked.
    NotOurs,
}

/// Why there is no such name, whatever the catalog holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoName {
    /// It has none of the forms that names of ours have.
    Form,
    /// It is of a datacenter that is not known.
    Datacenter(String),
    /// It is of the service mesh, which is off.
    Mesh,
}

/// What the catalog is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The question to it. Stale answers will do as far as `dns_config.allow_stale` and `max_stale` say.
    pub query: Query,
    /// What is done with what is found.
    pub(super) subject: Subject,
}

/// Whether an answer of the catalog is empty.
pub fn found_nothing(rows: &Rows) -> bool {
    match rows {
        Rows::Instances(instances) => instances.is_empty(),
        Rows::NodeServices(node) => node.is_none(),
        Rows::ServiceNames(names) => names.is_empty(),
        Rows::Nodes(nodes) => nodes.is_empty(),
        Rows::Entry(_)
        | Rows::Entries(_)
        | Rows::Keys(_)
        | Rows::Checks(_)
        | Rows::WholeNode(_)
        | Rows::WholeNodes(_)
        | Rows::Absent
        | Rows::Autopilot(_)
        | Rows::Sessions(_)
        | Rows::Located(_)
        | Rows::Changes { .. }
        | Rows::OutsideWindow(_)
        | Rows::PreparedQueries(_)
        | Rows::Executed(_)
        | Rows::Explained(_)
        | Rows::Txn(_) => true,
    }
}

impl Plan {
    /// What has to be asked about `name`.
    pub fn of(name: Name<'_>, kind: Kind, settings: &Settings) -> Plan {
        let subject = match settings.zone_of(name) {
            Some((_, offset)) => grammar::subject(name, offset, &settings.datacenter),
            None => grammar::reversed(name).filter(|_| matches!(kind, Kind::Ptr | Kind::Any)).map_or(Subject::Foreign, Subject::Reverse),
        };
        match subject {
            Subject::Foreign => match settings.recursion {
                Recursion::Offered => Plan::Recurse,
                Recursion::Refused => Plan::Settled(Settled::NotOurs),
            },
            Subject::NoName(why) => Plan::Settled(Settled::NoName(why)),
            Subject::Address(address) => Plan::Settled(Settled::Address(address)),
            Subject::Domains => Plan::Settled(Settled::Domains),
            Subject::Apex if !matches!(kind, Kind::Soa | Kind::Ns | Kind::Any) => Plan::Settled(Settled::Apex),
            Subject::PreparedQuery(name) => Plan::PreparedQuery { name },
            Subject::Apex
            | Subject::Service { .. }
            | Subject::Instance { .. }
            | Subject::Node(_)
            | Subject::ServiceList
            | Subject::Reverse(_) => Plan::Ask(Ask::of(subject)),
        }
    }
}

impl Ask {
    /// Whether a recursor is asked after the catalog found nothing: addresses of others have names elsewhere.
    pub fn falls_to_recursors(&self, settings: &Settings) -> bool {
        matches!(self.subject, Subject::Reverse(_)) && settings.recursion == Recursion::Offered
    }

    fn of(subject: Subject) -> Ask {
        let service = |name: &str, tag: Option<&String>| Query::HealthService {
            service: name.to_owned(),
            choice: Choice { tags: tag.into_iter().cloned().collect(), ..Choice::default() },
        };
        let query = match &subject {
            Subject::Service { name, tag } => service(name, tag.as_ref()),
            Subject::Instance { name, .. } => service(name, None),
            Subject::Node(node) => Query::CatalogNode { node: node.clone(), choice: Choice::default() },
            Subject::ServiceList => Query::CatalogServices { choice: Choice::default() },
            Subject::Reverse(address) => Query::AtAddress { address: *address },
            Subject::Apex | Subject::Address(_) | Subject::Domains | Subject::PreparedQuery(_) | Subject::NoName(_) | Subject::Foreign => {
                service(SERVERS, None)
            }
        };
        Ask { query, subject }
    }
}
