//! What a name means.

use super::name::Name;
use super::plan::NoName;
use crate::model::Datacenter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The domain itself.
    Apex,
    /// `[tag.]name.service`, `_name._tag.service`.
    Service {
        /// In lower case.
        name: String,
        /// In lower case.
        tag: Option<String>,
    },
    /// `id@node._name._tcp`: one instance, as browsing names it (RFC 6763 section 4.1).
    Instance {
        /// Its service, in lower case.
        name: String,
        /// Its label, in lower case.
        label: String,
    },
    /// `name.node`, in lower case.
    Node(String),
    /// `name.query`, in lower case.
    PreparedQuery(String),
    /// `hex.addr`.
    Address(IpAddr),
    /// `_services._dns-sd._udp` (RFC 6763 section 9).
    ServiceList,
    /// `b._dns-sd._udp` and its like (RFC 6763 section 11).
    Domains,
    /// The name of an address below `in-addr.arpa` or `ip6.arpa`.
    Reverse(IpAddr),
    /// Nothing.
    NoName(NoName),
    /// A name of others.
    Foreign,
}

/// The words that say what stands before them. The last of a name counts: `node.service` is a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Service,
    Node,
    Query,
    Addr,
    Mesh,
}

fn word(label: &str) -> Option<Word> {
    match label {
        "service" => Some(Word::Service),
        "node" => Some(Word::Node),
        "query" => Some(Word::Query),
        "addr" => Some(Word::Addr),
        "connect" | "virtual" | "ingress" => Some(Word::Mesh),
        _ => None,
    }
}

const FORM: Subject = Subject::NoName(NoName::Form);

/// What `name` means, whose domain begins at `offset` of its bytes.
pub(super) fn subject(name: Name<'_>, offset: usize, ours: &Datacenter) -> Subject {
    let mut at = 0;
    let mut labels = Vec::new();
    for bytes in name.labels() {
        if at >= offset {
            break;
        }
        at += 1 + bytes.len();
        // What is no text is the name of nothing.
        let Ok(text) = std::str::from_utf8(bytes) else { return FORM };
        labels.push(text.to_lowercase());
    }
    if labels.is_empty() { Subject::Apex } else { meaning(&labels, ours) }
}

/// What labels in lower case mean.
fn meaning(labels: &[String], ours: &Datacenter) -> Subject {
    let found = labels.iter().enumerate().rev().find_map(|(at, label)| match word(label) {
        Some(word) => Some((word, &labels[..at], &labels[at + 1..])),
        // RFC 2782's form needs no word.
        None if label.starts_with('_') => Some((Word::Service, &labels[..=at], &labels[at + 1..])),
        None => None,
    });
    let Some((word, front, behind)) = found else { return FORM };
    // An address is the same everywhere.
    if word == Word::Addr {
        return match front {
            [hex] => address(hex).map_or(FORM, Subject::Address),
            _ => FORM,
        };
    }
    match behind {
        [] => {}
        [datacenter] if datacenter == ours.as_str() => {}
        [datacenter, word] if word == "dc" && datacenter == ours.as_str() => {}
        [datacenter] => return Subject::NoName(NoName::Datacenter(datacenter.clone())),
        [datacenter, word] if word == "dc" => return Subject::NoName(NoName::Datacenter(datacenter.clone())),
        _ => return FORM,
    }
    match (word, front) {
        (_, []) => FORM,
        (Word::Service, front) => service(front),
        (Word::Node, front) => Subject::Node(joined(front)),
        (Word::Query, [query, proto]) if is_marked(query) && is_marked(proto) => Subject::PreparedQuery(query[1..].to_owned()),
        (Word::Query, front) => Subject::PreparedQuery(joined(front)),
        (Word::Mesh, _) => Subject::NoName(NoName::Mesh),
        (Word::Addr, _) => FORM,
    }
}

/// Whether a label is written as RFC 2782 writes those of services and protocols.
fn is_marked(label: &str) -> bool {
    label.len() > 1 && label.starts_with('_')
}

/// The labels with dots between them.
fn joined(labels: &[String]) -> String {
    labels.join(".")
}

fn service(front: &[String]) -> Subject {
    match front {
        [what, sd, proto] if sd == "_dns-sd" && proto == "_udp" => match what.as_str() {
            "_services" => Subject::ServiceList,
            "b" | "db" | "lb" => Subject::Domains,
            _ => FORM,
        },
        [instance, name, proto] if !is_marked(instance) && is_marked(name) && is_marked(proto) => {
            Subject::Instance { label: instance.clone(), name: name[1..].to_owned() }
        }
        // Only this form can carry a service's dots.
        [name, .., proto] if is_marked(name) && is_marked(proto) => {
            let name = &front[..front.len() - 1];
            let tag = Some(proto[1..].to_owned()).filter(|tag| tag != "tcp");
            Subject::Service { name: joined(name)[1..].to_owned(), tag }
        }
        [tags @ .., name] => Subject::Service { name: name.clone(), tag: (!tags.is_empty()).then(|| joined(tags)) },
        [] => FORM,
    }
}

/// The address that 8 or 32 hexadecimal digits write.
fn address(hex: &str) -> Option<IpAddr> {
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match hex.len() {
        8 => u32::from_str_radix(hex, 16).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        32 => u128::from_str_radix(hex, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into()),
        _ => None,
    }
}

/// The address whose name below `in-addr.arpa` (RFC 1035 section 3.5) or `ip6.arpa` (RFC 3596 section 2.5) it is.
pub(super) fn reversed(name: Name<'_>) -> Option<IpAddr> {
    let labels = || name.labels();
    let is = |label: Option<&[u8]>, text: &str| label.is_some_and(|label| label.eq_ignore_ascii_case(text.as_bytes()));
    let count = labels().count();
    if !is(labels().nth(count.checked_sub(1)?), "arpa") {
        return None;
    }
    let zone = labels().nth(count.checked_sub(2)?);
    if is(zone, "in-addr") && count == 6 {
        let octets = labels().take(4).map(|label| {
            let digits = std::str::from_utf8(label).ok().filter(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
            digits?.parse::<u8>().ok()
        });
        let octets: Vec<u8> = octets.collect::<Option<_>>()?;
        return Some(Ipv4Addr::new(octets[3], octets[2], octets[1], octets[0]).into());
    }
    if is(zone, "ip6") && count == 34 {
        let mut bits = 0;
        for (at, label) in labels().take(32).enumerate() {
            let &[digit] = label else { return None };
            bits |= u128::from(char::from(digit).to_digit(16)?) << (4 * at);
        }
        return Some(Ipv6Addr::from_bits(bits).into());
    }
    None
}
