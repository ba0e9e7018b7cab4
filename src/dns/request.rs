//! Reading a question. What is broken is answered with a code, or with nothing where an answer could do harm.

use super::cookie::FullCookie;
use super::edns::{Edns, Opt};
use super::kind::{Kind, Rcode};
use super::name::Name;

/// Bytes of a message's header.
pub(super) const HEADER: usize = 12;
/// Bytes of a datagram that everyone takes (RFC 1035 section 4.2.1).
const PLAIN_UDP: usize = 512;
/// Bytes of the longest datagram we send, whatever an asker says it takes: what it has to reassemble, and what a forged question can have us send.
pub const LONGEST_UDP: usize = 4096;
/// Bytes of the longest message over TCP, whose length has two bytes before it.
pub const LONGEST_TCP: usize = 65_535;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// Behind its length in a stream.
    Tcp,
}

/// A question that can be answered.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What the asker calls it.
    pub id: u16,
    /// The name that is asked for, as it was written.
    pub name: Name<'a>,
    /// What is asked for.
    pub kind: Kind,
    /// What it says by EDNS, if it does.
    pub edns: Option<Edns<'a>>,
    /// How it came.
    pub transport: Transport,
    /// Whether the asker wants foreign names to be resolved (RD). Consul resolves them for everyone.
    pub recursion_desired: bool,
    /// The cookie that the answer gives the asker: whoever knows the address and the time sets it.
    pub cookie: Option<FullCookie>,
    /// The question section.
    pub(super) question: &'a [u8],
}

/// Why a message is not answered as a question. Each is counted by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Fewer bytes than a header has.
    Short,
    /// It is an answer itself: answering could go on for ever.
    Answer,
    /// An operation other than a query.
    Operation,
    /// None or several questions (RFC 9619).
    Questions,
    /// The question is cut off or its name is none.
    Name,
    /// A class of records that nobody uses.
    Class,
    /// A transfer or another type that is no type of records.
    Transfer,
    /// Records behind the question are broken, or there are bytes behind the last.
    Records,
    /// Options are broken, or there are two OPT records.
    Edns,
    /// A newer version of EDNS.
    Version,
}

impl Reason {
    /// Its name among counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Short => "short",
            Reason::Answer => "answer",
            Reason::Operation => "operation",
            Reason::Questions => "questions",
            Reason::Name => "name",
            Reason::Class => "class",
            Reason::Transfer => "transfer",
            Reason::Records => "records",
            Reason::Edns => "edns",
            Reason::Version => "version",
        }
    }

    /// What the asker is told; `None`: nothing.
    const fn rcode(self) -> Option<Rcode> {
        match self {
            Reason::Short | Reason::Answer => None,
            Reason::Operation | Reason::Transfer => Some(Rcode::NotImp),
            Reason::Questions | Reason::Name | Reason::Records | Reason::Edns => Some(Rcode::FormErr),
            Reason::Class => Some(Rcode::Refused),
            Reason::Version => Some(Rcode::BadVers),
        }
    }
}

/// A message that is not answered as a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// What to send back, never longer than the header, the question and an OPT record; `None`: nothing.
    pub reply: Option<Box<[u8]>>,
}

impl<'a> Request<'a> {
    /// Reads a message: a header, one question, records that do not matter, an OPT record among them.
    ///
    /// # Errors
    /// It is no question of ours to answer.
    pub fn read(message: &'a [u8], transport: Transport) -> Result<Request<'a>, Refused> {
        let Some((header, body)) = message.split_first_chunk::<HEADER>() else {
            return Err(Refused { reason: Reason::Short, reply: None });
        };
        let refused = |reason, question: &[u8]| Refused::of(reason, header, question);
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        if header[2] & 0x80 != 0 {
            return Err(refused(Reason::Answer, &[]));
        }
        if header[2] & 0x78 != 0 {
            return Err(refused(Reason::Operation, &[]));
        }
        if count(4) != 1 {
            return Err(refused(Reason::Questions, &[]));
        }
        let (name, [t0, t1, c0, c1]) = read_question(body).ok_or_else(|| refused(Reason::Name, &[]))?;
        let (question, rest) = body.split_at(name.as_bytes().len() + 4);
        let kind = Kind::of(u16::from_be_bytes([t0, t1]));
        // Consul takes CHAOS and HESIOD for the internet.
        if !matches!(u16::from_be_bytes([c0, c1]), 1 | 3 | 4 | 255) {
            return Err(refused(Reason::Class, question));
        }
        if kind.is_operation() {
            return Err(refused(Reason::Transfer, question));
        }
        let records = u32::from(count(6)) + u32::from(count(8));
        let edns = read_records(rest, records, count(10)).map_err(|reason| refused(reason, question))?;
        let recursion_desired = header[2] & 1 != 0;
        Ok(Request { id: count(0), name, kind, edns, transport, recursion_desired, cookie: None, question })
    }

    /// How many bytes the answer may have.
    pub fn limit(&self) -> usize {
        match (self.transport, &self.edns) {
            (Transport::Tcp, _) => LONGEST_TCP,
            (Transport::Udp, None) => PLAIN_UDP,
            (Transport::Udp, Some(edns)) => usize::from(edns.udp_size).clamp(PLAIN_UDP, LONGEST_UDP),
        }
    }
}

fn read_question(body: &[u8]) -> Option<(Name<'_>, [u8; 4])> {
    let name = Name::read(body)?;
    let (numbers, _) = body[name.as_bytes().len()..].split_first_chunk::<4>()?;
    Some((name, *numbers))
}

/// Passes over `records` records and looks for OPT in `additional` more, which must end the message.
fn read_records(mut rest: &[u8], records: u32, additional: u16) -> Result<Option<Edns<'_>>, Reason> {
    let mut edns = None;
    for _ in 0..records {
        (_, rest) = Record::read(rest).ok_or(Reason::Records)?;
    }
    for _ in 0..additional {
        let (record, behind) = Record::read(rest).ok_or(Reason::Records)?;
        rest = behind;
        if record.kind != OPT {
            continue;
        }
        if edns.is_some() || !record.of_root {
            return Err(Reason::Edns);
        }
        if record.version != 0 {
            return Err(Reason::Version);
        }
        edns = Some(Edns::read(record.class, record.content).map_err(|_| Reason::Edns)?);
    }
    if rest.is_empty() { Ok(edns) } else { Err(Reason::Records) }
}

/// The number of OPT records.
const OPT: u16 = 41;

/// A record that a question came with.
struct Record<'a> {
    of_root: bool,
    kind: u16,
    class: u16,
    version: u8,
    content: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let mut at = 0;
        loop {
            match usize::from(*bytes.get(at)?) {
                0 => break at += 1,
                // A pointer ends a name; where it points does not matter.
                length if length >= 0xC0 => break at += 2,
                length if length <= 63 && at <= super::name::LONGEST_NAME => at += 1 + length,
                _ => return None,
            }
        }
        let (head, behind) = bytes.get(at..)?.split_first_chunk::<10>()?;
        let (content, rest) = behind.split_at_checked(usize::from(u16::from_be_bytes([head[8], head[9]])))?;
        let number = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let of_root = bytes[0] == 0;
        Some((Record { of_root, kind: number(0), class: number(2), version: head[5], content }, rest))
    }
}

impl Refused {
    fn of(reason: Reason, header: &[u8; HEADER], question: &[u8]) -> Refused {
        let reply = reason.rcode().map(|rcode| {
            let mut reply = Vec::with_capacity(HEADER + question.len() + 11);
            // QR, the operation and RD as they came; AA, TC, RA, Z, AD and CD cleared.
            reply.extend_from_slice(&[header[0], header[1], 0x80 | header[2] & 0x79, (rcode.number() & 0xF) as u8]);
            let is_versioned = rcode.number() > 0xF;
            reply.extend_from_slice(&[0, u8::from(!question.is_empty()), 0, 0, 0, 0, 0, u8::from(is_versioned)]);
            reply.extend_from_slice(question);
            if is_versioned {
                Opt { udp_size: LONGEST_UDP as u16, rcode: rcode.number(), subnet: None, cookie: None, explained: None }.write(&mut reply);
            }
            reply.into_boxed_slice()
        });
        Refused { reason, reply }
    }
}

#[cfg(test)]
mod tests;
