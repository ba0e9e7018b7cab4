//! Names: those we make lie in our own domain, and what they end with is written once.

use super::{LONGEST_POINTER, Section, Writer};
use crate::dns::name::{LONGEST_NAME, Name, push_label, push_text};
use crate::dns::request::HEADER;
use crate::dns::settings::Domain;
use std::net::IpAddr;

/// A name to be written.
#[derive(Debug, Clone, Copy)]
pub(in crate::dns) enum Target<'a> {
    /// The one that was asked for, as it was written.
    Question,
    /// The domain that was asked.
    Zone,
    /// One label below it.
    BelowZone(&'static str),
    /// One label below the name that was asked for.
    BelowQuestion(&'a str),
    /// `_name._tcp` below the domain that was asked.
    Browsed(&'a str),
    /// `name.node.<dc>.<domain>`.
    Node(&'a str),
    /// `name.service.<dc>.<domain>`.
    Service(&'a str),
    /// `hex.addr.<dc>.<domain>`.
    Hex(IpAddr),
    /// Another's.
    Whole(Name<'a>),
    /// Another's, as text.
    Text(&'a str),
    /// One that stands at this place of the message.
    Written(usize),
}

/// Where names lie and how they are written.
#[derive(Debug, Clone, Copy)]
pub(in crate::dns) struct Naming<'a> {
    /// Our own domain.
    pub(in crate::dns) domain: &'a Domain,
    /// The domain that was asked, or our own.
    pub(in crate::dns) zone: &'a Domain,
    /// Where it begins in the name that was asked for.
    pub(in crate::dns) zone_offset: Option<usize>,
    pub(in crate::dns) datacenter: &'a str,
    pub(in crate::dns) compression: Compression,
}

/// Whether a name that stands in the message already may be pointed to (RFC 1035 section 4.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dns) enum Compression {
    On,
    Off,
}

/// Where names stand that others end with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    domain: Option<usize>,
    node: Option<usize>,
    addr: Option<usize>,
    service: Option<usize>,
}

/// The word between what a name is of and its datacenter.
#[derive(Debug, Clone, Copy)]
enum Word {
    Node,
    Addr,
    Service,
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Word::Node => "node",
            Word::Addr => "addr",
            Word::Service => "service",
        }
    }
}

impl Known {
    pub(super) fn at(domain: Option<usize>) -> Known {
        Known { domain, node: None, addr: None, service: None }
    }

    fn of(&mut self, word: Word) -> &mut Option<usize> {
        match word {
            Word::Node => &mut self.node,
            Word::Addr => &mut self.addr,
            Word::Service => &mut self.service,
        }
    }
}

impl Writer<'_> {
    /// Appends a name. `None` if it is none, with some of it appended perhaps.
    pub(super) fn name(&mut self, section: Section, target: Target<'_>, compression: Compression) -> Option<()> {
        let squeeze = match (compression, self.naming.compression) {
            (Compression::On, Compression::On) => Squeeze::Yes,
            (Compression::Off, _) | (_, Compression::Off) => Squeeze::No,
        };
        let begun = self.buffer(section).len();
        let to = self.buffer(section);
        match target {
            Target::Question => self.question(section, begun, squeeze),
            Target::Zone => self.zone(section, begun, squeeze),
            Target::BelowZone(label) => {
                push_label(to, label.as_bytes())?;
                self.zone(section, begun, squeeze)
            }
            Target::BelowQuestion(label) => {
                push_label(to, label.as_bytes())?;
                self.question(section, begun, squeeze)
            }
            Target::Browsed(service) => {
                push_marked(to, service)?;
                push_label(to, b"_tcp")?;
                self.zone(section, begun, squeeze)
            }
            Target::Node(name) => {
                push_text(to, name)?;
                self.ours(section, begun, Word::Node, squeeze)
            }
            Target::Service(name) => {
                push_text(to, name)?;
                self.ours(section, begun, Word::Service, squeeze)
            }
            Target::Hex(address) => {
                push_hex(to, address);
                self.ours(section, begun, Word::Addr, squeeze)
            }
            Target::Whole(name) => {
                to.extend_from_slice(name.as_bytes());
                Some(())
            }
            Target::Text(text) => {
                push_text(to, text)?;
                to.push(0);
                self.fits(section, begun, 0)
            }
            Target::Written(at) => {
                self.point(section, at);
                Some(())
            }
        }
    }

    /// Whether what was written since `begun` and `rest` more bytes are no longer than a name may be.
    fn fits(&mut self, section: Section, begun: usize, rest: usize) -> Option<()> {
        (self.buffer(section).len() - begun + rest <= LONGEST_NAME).then_some(())
    }

    fn point(&mut self, section: Section, at: usize) {
        assert!(at <= LONGEST_POINTER, "a pointer has fourteen bits");
        self.buffer(section).extend_from_slice(&(0xC000 | at as u16).to_be_bytes());
    }

    fn question(&mut self, section: Section, begun: usize, squeeze: Squeeze) -> Option<()> {
        let question = self.question;
        self.fits(section, begun, question.as_bytes().len())?;
        match squeeze {
            Squeeze::Yes => self.point(section, HEADER),
            Squeeze::No => self.buffer(section).extend_from_slice(question.as_bytes()),
        }
        Some(())
    }

    /// The asked domain.
    fn zone(&mut self, section: Section, begun: usize, squeeze: Squeeze) -> Option<()> {
        let zone = self.naming.zone.name();
        self.fits(section, begun, zone.as_bytes().len())?;
        match self.zone_at.filter(|_| squeeze == Squeeze::Yes) {
            Some(at) => self.point(section, at),
            None => self.buffer(section).extend_from_slice(zone.as_bytes()),
        }
        Some(())
    }

    /// `word.<dc>.<domain>`.
    fn ours(&mut self, section: Section, begun: usize, word: Word, squeeze: Squeeze) -> Option<()> {
        let squeezed = squeeze == Squeeze::Yes;
        let (datacenter, domain) = (self.naming.datacenter, self.naming.domain.name());
        self.fits(section, begun, word.as_str().len() + datacenter.len() + 2 + domain.as_bytes().len())?;
        if let Some(at) = self.known.of(word).filter(|_| squeezed) {
            self.point(section, at);
            return Some(());
        }
        let word_begun = self.buffer(section).len();
        push_label(self.buffer(section), word.as_str().as_bytes())?;
        push_label(self.buffer(section), datacenter.as_bytes())?;
        let domain_begun = self.buffer(section).len();
        match self.known.domain.filter(|_| squeezed) {
            Some(at) => self.point(section, at),
            None => self.buffer(section).extend_from_slice(domain.as_bytes()),
        }
        match section {
            // The additional section is moved in the end: nothing points into it.
            Section::Additional => {}
            Section::Answer | Section::Authority => {
                let within = |at: usize| (at <= LONGEST_POINTER).then_some(at);
                self.known.domain = self.known.domain.or(within(domain_begun));
                *self.known.of(word) = self.known.of(word).or(within(word_begun));
            }
        }
        Some(())
    }
}

/// Whether pointers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Squeeze {
    Yes,
    No,
}

/// `_` and a service's name as one label.
fn push_marked(to: &mut Vec<u8>, service: &str) -> Option<()> {
    let at = to.len();
    push_label(to, service.as_bytes())?;
    to.insert(at + 1, b'_');
    to[at] = to[at].checked_add(1).filter(|length| *length <= 63)?;
    Some(())
}

/// An address as one label of 8 or 32 hexadecimal digits.
fn push_hex(to: &mut Vec<u8>, address: IpAddr) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut push = |bytes: &[u8]| {
        to.push(2 * bytes.len() as u8);
        bytes.iter().for_each(|byte| to.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    };
    match address {
        IpAddr::V4(address) => push(&address.octets()),
        IpAddr::V6(address) => push(&address.octets()),
    }
}
