//! A state read as its bytes come, in pieces of any size.

use super::{Section, VERSION, WHAT, malformed};
use crate::model::codec::{self, CodecError};
use crate::state::State;
use std::sync::Arc;

/// A section that claims more bytes is none of ours.
const MOST_SECTION: usize = 256 << 20;

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) enum Origin {
    /// This cluster's own snapshot.
    Own,
    /// An archive, which holds tables alone: what a cluster went through is not to be had from another.
    Archive,
}

/// A state that is being read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::state) struct Loader {
    origin: Origin,
    state: State,
    /// The beginning of a section whose end is still to come. Shared between clones: views are made while a state is read.
    rest: Arc<Vec<u8>>,
    read: u64,
    ended: bool,
}

impl Loader {
    /// Nothing read yet.
    pub(in crate::state) fn new(origin: Origin) -> Loader {
        Loader { origin, state: State::default(), rest: Arc::default(), read: 0, ended: false }
    }

    /// Takes the next bytes in, wherever they are cut.
    pub(in crate::state) fn take(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            let consumed = self.consume(bytes)?;
            self.rest = Arc::new(bytes[consumed..].to_vec());
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        let joined = Arc::make_mut(&mut rest);
        joined.extend_from_slice(bytes);
        let consumed = self.consume(joined)?;
        joined.drain(..consumed);
        self.rest = rest;
        Ok(())
    }

    /// Takes in the whole sections at the start of `bytes`; returns how long those are.
    pub(in crate::state) fn consume(&mut self, bytes: &[u8]) -> Result<usize, CodecError> {
        let mut consumed = 0;
        while let Some(body) = body(&bytes[consumed..])? {
            if self.ended {
                return Err(malformed("something follows the end"));
            }
            match codec::decode_compact(WHAT, VERSION, body)? {
                Section::End { sections } if sections == self.read => self.ended = true,
                Section::End { .. } => return Err(malformed("sections are missing or too many")),
                Section::Lineage(_) | Section::Restoring(..) | Section::Piece(_) if self.origin == Origin::Archive => {
                    return Err(malformed("an archive holds no history of its cluster"));
                }
                section => self.state.add(section)?,
            }
            self.read += 1;
            consumed += 4 + body.len();
        }
        Ok(consumed)
    }

    /// The state, if all of it has come.
    pub(in crate::state) fn finish(self) -> Result<State, CodecError> {
        let Loader { mut state, rest, ended, .. } = self;
        match ended && rest.is_empty() && state.is_whole() {
            true => {
                state.kv.history.begin_at(state.last_change());
                Ok(state)
            }
            false => Err(malformed("cut off, or sections are missing")),
        }
    }
}

/// The body of the section at the start of `bytes`, if all of it is there.
pub(super) fn body(bytes: &[u8]) -> Result<Option<&[u8]>, CodecError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MOST_SECTION {
        return Err(malformed("a section claims more bytes than any has"));
    }
    Ok(rest.get(..length))
}

#[cfg(test)]
mod tests {
    use super::{Loader, Origin};
    use crate::model::Timestamp;
    use crate::state::arbitrary::a_command;
    use crate::state::{Stamped, State};
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_state_reads_back_however_its_bytes_are_cut(commands in proptest::collection::vec(a_command(), 0..40), size in 1usize..300) {
            let mut state = State::default();
            for (index, command) in (1..).zip(commands) {
                state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(index), command });
            }
            let bytes: Vec<u8> = state.archived().flatten().collect();
            let mut loader = Loader::new(Origin::Archive);
            for (at, piece) in bytes.chunks(size).enumerate() {
                prop_assert!(loader.clone().finish().is_err(), "before piece {at}");
                loader.take(piece).unwrap();
            }
            prop_assert_eq!(loader.finish().unwrap(), state);
        }
    }

    #[test]
    fn what_follows_the_end_and_a_huge_section_are_refused() {
        let bytes: Vec<u8> = State::default().archived().flatten().collect();
        let mut loader = Loader::new(Origin::Archive);
        loader.take(&bytes).unwrap();
        assert!(loader.take(&bytes).is_err());
        assert!(Loader::new(Origin::Archive).take(&u32::MAX.to_le_bytes()).is_err());
    }
}
