//! A question with everything that decides its answer.

use super::name::OwnedName;
use super::plan::Plan;
use super::request::Request;
use super::settings::{Settings, Ttl};
use crate::agent::query::{Instance, Rows};
use std::net::IpAddr;
use std::time::Duration;

/// A question with everything that decides its answer.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// What the operator decided.
    pub settings: &'a Settings,
    /// The question.
    pub request: &'a Request<'a>,
    /// What had to be asked.
    pub plan: &'a Plan,
    /// What came of it.
    pub found: Found<'a>,
}

/// What came of asking.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// Nothing had to be asked ([`Plan::Settled`]).
    Nothing,
    /// Rows of the catalog ([`Plan::Ask`]).
    Rows {
        /// What was found; for the second question if the first found nothing.
        rows: &'a Rows,
        /// In which order instances are answered.
        order: Order,
        /// How long ago it was known to be current.
        age: Duration,
    },
    /// What a prepared query chose ([`Plan::PreparedQuery`]): dead instances are left out already.
    Executed {
        /// The instances.
        instances: &'a [Instance],
        /// In which order they are answered.
        order: Order,
        /// The service that it found in the end.
        service: &'a str,
        /// Where they are: another datacenter may have stood in.
        datacenter: &'a str,
        /// For how long records may be kept (`DNS.TTL`), if the query says it.
        ttl: Option<Ttl>,
        /// How long ago it was known to be current.
        age: Duration,
    },
    /// There is no such prepared query.
    NoQuery,
    /// Nobody could tell: no server answers, or no recursor does.
    Unknown,
}

/// In which order instances are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By chance, each order as likely as any other: this is how clients are spread over instances.
    Shuffled,
    /// As they were found, the nearest first.
    AsFound,
}

/// A record that another lookup found: of a name that an instance's address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub owner: OwnedName,
    /// For how long it may be kept.
    pub ttl: Ttl,
    /// What it says.
    pub content: Content,
}

/// What a followed record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The address.
    Address(IpAddr),
    /// The name to look for instead.
    Alias(OwnedName),
}
