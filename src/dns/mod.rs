//! DNS, pure: what a name means, what the catalog must be asked, which instances are answered, and the message. No socket, no clock, no chance of its own.
//!
//! A server reads a datagram ([`Request::read`]), sees what has to be asked ([`Plan::of`]), asks it, and has a [`Composer`] write the answer. What is
//! found decides together with the [`Settings`]; who found nothing out says so ([`Found::Unknown`]), and the asker hears SERVFAIL, never that there is no such name.

mod choose;
mod composer;
pub mod cookie;
mod edns;
mod explain;
mod follow;
mod grammar;
mod inquiry;
mod kind;
mod name;
mod node;
mod plan;
mod request;
mod service;
mod settings;
mod svcb;
mod upstream;
mod writer;
mod zone;

pub use composer::{Composed, Composer, Cut};
pub use cookie::{CookieSecret, FullCookie, Standing};
pub use edns::{Cookie, Edns, Explained, Subnet};
pub use follow::MOST_HOPS;
pub use inquiry::{Content, Found, Inquiry, Order, Record};
pub use kind::{Kind, Rcode};
pub use name::{LONGEST_NAME, Name, OwnedName};
pub use plan::{Ask, NoName, Plan, Settled, found_nothing};
pub use request::{LONGEST_TCP, LONGEST_UDP, Reason, Refused, Request, Transport};
pub use settings::{Domain, DomainError, Recursion, ServiceTtls, Settings, Soa, Ttl};
pub use upstream::{Verdict, judge, question, read_records, with_id};

#[cfg(test)]
mod tests;
