//! Messages from and to recursors. Foreign questions are handed on as they came; only what a name is followed to is read.

use super::inquiry::{Content, Record};
use super::kind::Kind;
use super::name::{Name, OwnedName};
use super::request::HEADER;
use super::settings::Ttl;
use hickory_proto::op::Message;
use hickory_proto::rr::{Name as ReadName, RData};

/// Most records that are taken from an answer.
const MOST_RECORDS: usize = 64;

/// What a recursor's message is to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answers another question, or none: whoever sent it, the wait goes on.
    Foreign,
    /// It answers, or says that there is no such name.
    Answers,
    /// It answers, but there was no room for all.
    Truncated,
    /// It could not or would not: the next recursor is asked.
    Fails,
}

/// A question for a recursor.
pub fn question(id: u16, name: Name<'_>, kind: Kind) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + name.as_bytes().len() + 4);
    message.extend_from_slice(&id.to_be_bytes());
    // RD, one question.
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(name.as_bytes());
    message.extend_from_slice(&kind.number().to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// Gives a message another id: each recursor is asked under one that it cannot guess, and each asker hears its own. What is shorter than an id stays.
pub fn with_id(message: &mut [u8], id: u16) {
    if let Some(at) = message.first_chunk_mut() {
        *at = id.to_be_bytes();
    }
}

/// What `reply` is to the question that was sent as `asked`: it has the same id and the same question (RFC 5452 section 9).
pub fn judge(asked: &[u8], reply: &[u8]) -> Verdict {
    let (Some(asked_header), Some(header)) = (asked.first_chunk::<HEADER>(), reply.first_chunk::<HEADER>()) else {
        return Verdict::Foreign;
    };
    if header[..2] != asked_header[..2] || header[2] & 0x80 == 0 {
        return Verdict::Foreign;
    }
    let fails = !matches!(header[3] & 0xF, 0 | 3);
    match (section(asked), section(reply)) {
        (Some(asked), Some(replied)) if asked.0 == replied.0 && asked.1 == replied.1 => {}
        // Whoever could not read the question need not repeat it.
        (Some(_), _) if fails && header[4..6] == [0, 0] => {}
        _ => return Verdict::Foreign,
    }
    match (fails, header[2] & 0x02 != 0) {
        (true, _) => Verdict::Fails,
        (false, true) => Verdict::Truncated,
        (false, false) => Verdict::Answers,
    }
}

/// The only question of a message: name, and type with class.
fn section(message: &[u8]) -> Option<(Name<'_>, [u8; 4])> {
    if message.get(4..6)? != [0, 1] {
        return None;
    }
    let name = Name::read(&message[HEADER..])?;
    Some((name, *message[HEADER + name.as_bytes().len()..].first_chunk()?))
}

/// The addresses that a recursor's answer has for `name`, with the names on the way to them. Of what is broken or of other names, nothing.
pub fn read_records(reply: &[u8], name: Name<'_>) -> Vec<Record> {
    let Ok(message) = Message::from_vec(reply) else { return Vec::new() };
    let mut records: Vec<Record> = Vec::new();
    let mut looked_for = name.to_owned();
    for answer in message.answers.iter().take(MOST_RECORDS) {
        let Some(owner) = owned(&answer.name).filter(|owner| owner.as_name() == looked_for.as_name()) else { continue };
        let content = match &answer.data {
            RData::A(address) => Content::Address(address.0.into()),
            RData::AAAA(address) => Content::Address(address.0.into()),
            RData::CNAME(name) => match owned(&name.0) {
                Some(name) => {
                    looked_for = name.clone();
                    Content::Alias(name)
                }
                None => continue,
            },
            _ => continue,
        };
        records.push(Record { owner, ttl: Ttl::of_secs(answer.ttl.into()), content });
    }
    records
}

fn owned(name: &ReadName) -> Option<OwnedName> {
    let mut labels = Vec::with_capacity(name.len() + 1);
    name.iter().try_for_each(|label| super::name::push_label(&mut labels, label))?;
    OwnedName::from_labels(labels)
}
