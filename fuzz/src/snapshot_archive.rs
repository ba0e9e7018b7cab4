//! A snapshot archive, from an operator who may hold any file.

use muster::model::Timestamp;
use muster::state::archive::{ArchiveReader, Meta, Tally, write};
use muster::state::{Command, Condition, KvCommand, Stamped, State};
use std::io::Cursor;

/// Bytes of the state that are looked at together.
const PIECE: usize = 1000;

/// Reads `input` in pieces, counting what it holds. What the archive vouches for is as long as it says.
pub fn run(input: &[u8]) {
    let Ok(mut reader) = ArchiveReader::open(input) else { return };
    let (mut tally, mut length) = (Tally::default(), 0);
    loop {
        match reader.piece(PIECE) {
            Ok(Some(piece)) => {
                length += piece.len() as u64;
                if tally.take(&piece, &mut |_| ()).is_err() {
                    return;
                }
            }
            Ok(None) => break,
            Err(_) => return,
        }
    }
    assert_eq!(length, reader.meta().size);
    let _ = tally.finish();
}

/// Archives, and ways to spoil them.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut state = State::default();
    let empty = archive(&state);
    for index in 1..40 {
        let key = format!("key/{index}").as_str().into();
        let command = Command::Kv(KvCommand::Put { key, value: vec![7; 20].into(), flags: 3, condition: Condition::Always });
        state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(index), command });
    }
    let whole = archive(&state);
    let cut = whole[..whole.len() - 30].to_vec();
    let longer = [whole.as_slice(), b"more"].concat();
    vec![("empty", empty), ("whole", whole), ("cut", cut), ("longer", longer)]
}

fn archive(state: &State) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write(&mut out, state, Meta::new(state.last_change(), 2, 1_700_000_000_000)).expect("memory takes all");
    out.into_inner()
}
