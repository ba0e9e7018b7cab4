//! Writing a message into a buffer that is used again and again: nothing is allocated for a record, and nothing that does not fit is sent.

mod content;
mod names;

pub(super) use content::Content;
pub(super) use names::{Compression, Naming, Target};

use super::name::Name;
use super::request::HEADER;
use super::settings::Ttl;
use names::Known;

/// The last place of a message that a pointer can point to.
const LONGEST_POINTER: usize = 0x3FFF;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// Why a record was not written. Nothing of it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The message would be longer than it may be.
    Full,
    /// A name in it cannot be written: a label is empty or has more than 63 bytes, or all have more than 255.
    NoName,
}

/// What was written up to some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    message: usize,
    extras: usize,
    counts: [u16; 3],
    known: Known,
}

/// A message that is being written.
#[derive(Debug)]
pub(super) struct Writer<'w> {
    /// Header, question, answers and authority.
    message: &'w mut Vec<u8>,
    /// The additional section, which may point to the others.
    extras: &'w mut Vec<u8>,
    pub(super) counts: [u16; 3],
    /// Bytes that the message may have without OPT.
    limit: usize,
    naming: Naming<'w>,
    question: Name<'w>,
    known: Known,
    /// Where the asked domain stands in the question, if exactly as we write it.
    zone_at: Option<usize>,
}

impl<'w> Writer<'w> {
    /// Begins with room for the header, and the question.
    pub(super) fn begin(
        message: &'w mut Vec<u8>,
        extras: &'w mut Vec<u8>,
        question: (Name<'w>, &[u8]),
        limit: usize,
        naming: Naming<'w>,
    ) -> Writer<'w> {
        message.clear();
        extras.clear();
        message.resize(HEADER, 0);
        message.extend_from_slice(question.1);
        let zone_at = naming.zone_offset.filter(|offset| question.0.as_bytes()[*offset..] == *naming.zone.name().as_bytes());
        let zone_at = zone_at.map(|offset| HEADER + offset);
        let domain = zone_at.filter(|_| naming.zone == naming.domain);
        let known = Known::at(domain);
        Writer { message, extras, counts: [0; 3], limit, naming, question: question.0, known, zone_at }
    }

    /// What was written up to now.
    pub(super) fn mark(&self) -> Mark {
        Mark { message: self.message.len(), extras: self.extras.len(), counts: self.counts, known: self.known }
    }

    /// Takes back what was written since.
    pub(super) fn reset(&mut self, mark: Mark) {
        self.message.truncate(mark.message);
        self.extras.truncate(mark.extras);
        (self.counts, self.known) = (mark.counts, mark.known);
    }

    /// Appends a record.
    ///
    /// # Errors
    /// It was not written.
    pub(super) fn record(&mut self, section: Section, owner: Target<'_>, ttl: Ttl, content: Content<'_>) -> Result<(), Unfit> {
        let mark = self.mark();
        let written = self.write(section, owner, ttl, content);
        let written = match written {
            Some(()) if self.message.len() + self.extras.len() > self.limit => Err(Unfit::Full),
            Some(()) => Ok(()),
            None => Err(Unfit::NoName),
        };
        match written {
            Ok(()) => self.counts[section as usize] += 1,
            Err(_) => self.reset(mark),
        }
        written
    }

    /// Appends the additional section and what `end` writes behind it.
    pub(super) fn end(self, end: impl FnOnce(&mut Vec<u8>)) {
        self.message.extend_from_slice(self.extras);
        end(self.message);
    }

    /// Where the name stands that the content of the record begins with, `skipped` bytes on, whose owner is the question's name and which begins at
    /// `record`. `None` if nothing may point there.
    pub(super) fn name_in(&self, record: usize, skipped: usize) -> Option<usize> {
        let owner = if self.message[record] >= 0xC0 { 2 } else { self.question.as_bytes().len() };
        let at = record + owner + 10 + skipped;
        (at <= LONGEST_POINTER && self.naming.compression == Compression::On).then_some(at)
    }

    /// Bytes of the message without the additional section.
    pub(super) fn len(&self) -> usize {
        self.message.len()
    }

    fn buffer(&mut self, section: Section) -> &mut Vec<u8> {
        match section {
            Section::Answer | Section::Authority => self.message,
            Section::Additional => self.extras,
        }
    }

    fn write(&mut self, section: Section, owner: Target<'_>, ttl: Ttl, content: Content<'_>) -> Option<()> {
        self.name(section, owner, self.naming.compression)?;
        let to = self.buffer(section);
        to.extend_from_slice(&content.kind().number().to_be_bytes());
        to.extend_from_slice(&[0, 1]);
        to.extend_from_slice(&ttl.as_secs().to_be_bytes());
        let length_at = to.len();
        to.extend_from_slice(&[0, 0]);
        self.content(section, content)?;
        let to = self.buffer(section);
        let length = u16::try_from(to.len() - length_at - 2).ok()?;
        to[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        Some(())
    }
}
