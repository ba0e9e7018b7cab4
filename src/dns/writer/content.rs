//! What records say.

use super::{Compression, Section, Target, Writer};
use crate::dns::kind::Kind;
use crate::dns::settings::Soa;
use crate::dns::svcb;
use crate::model::Pairs;
use std::net::IpAddr;

/// Bytes of the longest string of a TXT record.
const LONGEST_STRING: usize = 255;

/// What a record says.
#[derive(Debug, Clone, Copy)]
pub(in crate::dns) enum Content<'a> {
    Address(IpAddr),
    Cname(Target<'a>),
    Ns(Target<'a>),
    Ptr(Target<'a>),
    /// Priority 1.
    Srv {
        weight: u16,
        port: u16,
        target: Target<'a>,
    },
    /// One pair of a node's meta.
    Pair(&'a str, &'a str),
    /// All pairs of an instance's meta (RFC 6763 section 6).
    Pairs(&'a Pairs),
    Soa {
        serial: u32,
        soa: Soa,
    },
    /// SVCB or HTTPS (RFC 9460), priority 1.
    Service {
        kind: Kind,
        target: Target<'a>,
        alpn: &'a str,
        port: u16,
        hint: Option<IpAddr>,
    },
}

impl Content<'_> {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Content::Address(IpAddr::V4(_)) => Kind::A,
            Content::Address(IpAddr::V6(_)) => Kind::Aaaa,
            Content::Cname(_) => Kind::Cname,
            Content::Ns(_) => Kind::Ns,
            Content::Ptr(_) => Kind::Ptr,
            Content::Srv { .. } => Kind::Srv,
            Content::Pair(..) | Content::Pairs(_) => Kind::Txt,
            Content::Soa { .. } => Kind::Soa,
            Content::Service { kind, .. } => *kind,
        }
    }
}

impl Writer<'_> {
    /// Appends what a record says. `None` if a name in it is none.
    pub(super) fn content(&mut self, section: Section, content: Content<'_>) -> Option<()> {
        match content {
            Content::Address(IpAddr::V4(address)) => self.buffer(section).extend_from_slice(&address.octets()),
            Content::Address(IpAddr::V6(address)) => self.buffer(section).extend_from_slice(&address.octets()),
            Content::Cname(target) | Content::Ns(target) | Content::Ptr(target) => self.name(section, target, Compression::On)?,
            Content::Srv { weight, port, target } => {
                let to = self.buffer(section);
                to.extend_from_slice(&[0, 1]);
                to.extend_from_slice(&weight.to_be_bytes());
                to.extend_from_slice(&port.to_be_bytes());
                // RFC 2782: a target is not compressed.
                self.name(section, target, Compression::Off)?;
            }
            Content::Pair(key, value) => push_pair(self.buffer(section), key, value),
            Content::Pairs(pairs) => push_pairs(self.buffer(section), pairs),
            Content::Soa { serial, soa } => {
                self.name(section, Target::BelowZone("ns"), Compression::On)?;
                self.name(section, Target::BelowZone("hostmaster"), Compression::On)?;
                let to = self.buffer(section);
                for number in [serial, soa.refresh, soa.retry, soa.expire, soa.min_ttl.as_secs()] {
                    to.extend_from_slice(&number.to_be_bytes());
                }
            }
            Content::Service { target, alpn, port, hint, .. } => {
                self.buffer(section).extend_from_slice(&[0, 1]);
                // RFC 9460 section 2.2: a target is not compressed.
                self.name(section, target, Compression::Off)?;
                svcb::push_params(self.buffer(section), alpn, port, hint);
            }
        }
        Some(())
    }
}

/// Keys that begin so, in any case, are of records that have values alone.
const BARE: &str = "rfc1035-";

/// `key=value` with `=` and backquotes of the key, blanks before it, and backquotes of the value quoted (RFC 1464 section 2); or the value alone.
fn push_pair(to: &mut Vec<u8>, key: &str, value: &str) {
    let at = to.len();
    to.push(0);
    if key.as_bytes().get(..BARE.len()).is_some_and(|start| start.eq_ignore_ascii_case(BARE.as_bytes())) {
        to.extend_from_slice(value.as_bytes());
    } else {
        push_quoted(to, key, value);
    }
    divide(to, at);
}

fn push_quoted(to: &mut Vec<u8>, key: &str, value: &str) {
    let mut leading = true;
    for byte in key.bytes() {
        leading &= matches!(byte, b' ' | b'\t');
        if leading || matches!(byte, b'`' | b'=') {
            to.push(b'`');
        }
        to.push(byte);
    }
    to.push(b'=');
    for byte in value.bytes() {
        if byte == b'`' {
            to.push(b'`');
        }
        to.push(byte);
    }
}

/// Makes strings of at most 255 bytes of what stands behind the length at `at`.
fn divide(to: &mut Vec<u8>, mut at: usize) {
    while to.len() - at - 1 > LONGEST_STRING {
        to[at] = LONGEST_STRING as u8;
        at += 1 + LONGEST_STRING;
        to.insert(at, 0);
    }
    to[at] = (to.len() - at - 1) as u8;
}

/// Each pair as one string; one that is longer than a string can be, or whose key cannot be told from its value, is left out. At least an empty one.
fn push_pairs(to: &mut Vec<u8>, pairs: &Pairs) {
    let begun = to.len();
    for (key, value) in pairs.iter().filter(|(key, _)| !key.is_empty() && !key.contains('=')) {
        let length = key.len() + 1 + value.len();
        if length <= LONGEST_STRING {
            to.push(length as u8);
            to.extend_from_slice(key.as_bytes());
            to.push(b'=');
            to.extend_from_slice(value.as_bytes());
        }
    }
    if to.len() == begun {
        to.push(0);
    }
}
