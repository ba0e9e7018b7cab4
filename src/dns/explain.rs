//! Why an answer is as it is (RFC 8914), for whoever looks at it with a tool.

use super::edns::Explained;
use super::grammar::Subject;
use super::inquiry::{Found, Inquiry};
use super::kind::Rcode;
use super::plan::{NoName, Plan, Settled};
use std::fmt::Write as _;
use std::time::Duration;

/// An older answer is called stale; Consul counts from the same age on (`dns.stale_queries`).
pub(super) const STALE: Duration = Duration::from_secs(5);
/// Bytes of the longest text.
const LONGEST: usize = 160;

/// Writes the reason into `why`, if there is one to tell.
pub(super) fn explain(inquiry: &Inquiry<'_>, rcode: Rcode, why: &mut String) -> Option<Explained> {
    why.clear();
    let explained = match (inquiry.plan, inquiry.found) {
        (Plan::Settled(settled), _) => of_settled(settled, why),
        (Plan::Recurse, _) => told(why, Explained::NoReachableAuthority, format_args!("no recursor answers")),
        (_, Found::Unknown | Found::Nothing) => told(why, Explained::NoReachableAuthority, format_args!("no server answers")),
        (_, Found::NoQuery) => told(why, Explained::Other, format_args!("no such prepared query")),
        (_, Found::Rows { age, .. } | Found::Executed { age, .. }) if age > STALE => {
            let code = if rcode == Rcode::NxDomain { Explained::StaleNxDomain } else { Explained::StaleAnswer };
            told(why, code, format_args!("as of {} s ago: no server answers", age.as_secs()))
        }
        (_, Found::Rows { .. } | Found::Executed { .. }) if rcode == Rcode::NxDomain => of_none(inquiry, why),
        (_, Found::Rows { .. } | Found::Executed { .. }) => None,
    };
    if why.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| why.is_char_boundary(*at)).unwrap_or(0);
        why.truncate(end);
    }
    explained
}

fn told(why: &mut String, code: Explained, text: std::fmt::Arguments<'_>) -> Option<Explained> {
    why.write_fmt(text).expect("a string takes any text");
    Some(code)
}

fn of_settled(settled: &Settled, why: &mut String) -> Option<Explained> {
    match settled {
        Settled::NotOurs => told(why, Explained::NotAuthoritative, format_args!("not a name of ours, and there are no recursors")),
        Settled::NoName(NoName::Form) => told(why, Explained::Other, format_args!("no name of ours has this form")),
        Settled::NoName(NoName::Datacenter(name)) => told(why, Explained::Other, format_args!("no datacenter {name} is known")),
        Settled::NoName(NoName::Mesh) => told(why, Explained::Other, format_args!("there is no service mesh")),
        Settled::Apex | Settled::Address(_) | Settled::Domains => None,
    }
}

/// Why nothing was answered of what was found.
fn of_none(inquiry: &Inquiry<'_>, why: &mut String) -> Option<Explained> {
    let Plan::Ask(ask) = inquiry.plan else { return None };
    let found = inquiry.instances().len();
    match &ask.subject {
        Subject::Service { name, tag: Some(tag), .. } if found == 0 => {
            told(why, Explained::Other, format_args!("no instance of {name} has the tag {tag}"))
        }
        Subject::Service { name, .. } | Subject::Instance { name, .. } if found == 0 => {
            told(why, Explained::Other, format_args!("no instance of {name} is registered"))
        }
        Subject::Service { .. } => {
            let instances = if found == 1 { "instance" } else { "instances" };
            told(why, Explained::Other, format_args!("{found} {instances}, none passing"))
        }
        Subject::Instance { .. } => told(why, Explained::Other, format_args!("no such instance passes")),
        Subject::Node(name) => told(why, Explained::Other, format_args!("no node {name} is registered")),
        Subject::Apex
        | Subject::ServiceList
        | Subject::Domains
        | Subject::PreparedQuery(_)
        | Subject::Address(_)
        | Subject::Reverse(_)
        | Subject::NoName(_)
        | Subject::Foreign => None,
    }
}
