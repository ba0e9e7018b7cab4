use super::{ArchiveError, ArchiveReader, Meta, Tally, write};
use crate::model::{Key, Timestamp};
use crate::state::{Command, Condition, KvCommand, Stamped, State};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use std::io::{Cursor, Read, Write};

fn state(keys: u64) -> State {
    let mut state = State::default();
    for index in 1..=keys {
        let key = Key::new(format!("dir/{index:06}").as_bytes());
        let command =
            Command::Kv(KvCommand::Put { key, value: index.to_string().into_bytes().into(), flags: 0, condition: Condition::Always });
        state.apply(index, &Stamped { at: Timestamp::default(), command });
    }
    state
}

fn archive(state: &State) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let (meta, length) = write(&mut out, state, Meta::new(state.last_change(), 3, 1_700_000_000_000)).unwrap();
    let bytes = out.into_inner();
    assert_eq!((bytes.len() as u64, meta.size), (length, state.archived().map(|section| section.len() as u64).sum()));
    bytes
}

fn read(bytes: &[u8], most: usize) -> Result<Vec<u8>, ArchiveError> {
    let mut reader = ArchiveReader::open(bytes)?;
    let mut state = Vec::new();
    while let Some(piece) = reader.piece(most)? {
        assert!(piece.len() <= most);
        state.extend(piece);
    }
    Ok(state)
}

#[test]
fn what_was_written_is_read_back() {
    for keys in [0, 1, 30_000] {
        let state = state(keys);
        let bytes = read(&archive(&state), 4_096).unwrap();
        assert!(State::decode(&bytes) == Ok(state));
    }
    let meta = ArchiveReader::open(archive(&state(5)).as_slice()).unwrap().meta().clone();
    assert_eq!((meta.id.as_str(), meta.index, meta.term, meta.version), ("3-5-1700000000000", 5, 3, 1));
}

#[test]
fn any_tool_reads_it_as_one_stream() {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(archive(&state(3)).as_slice()).read_to_end(&mut plain).unwrap();
    assert_eq!(plain.len() % 512, 0);
    assert!(plain.starts_with(b"meta.json\0"));
    assert_eq!(&plain[512 + 1_024..][..10], b"state.bin\0");
}

#[test]
fn what_it_holds_is_told_without_building_it() {
    let mut keys = 0;
    let mut tally = Tally::default();
    for piece in read(&archive(&state(20_000)), 1_000_000).unwrap().chunks(777) {
        tally.take(piece, &mut |entry| keys += usize::from(entry.key.starts_with(b"dir/"))).unwrap();
    }
    let tables = tally.finish().unwrap();
    assert_eq!((keys, tables[0].table, tables[0].rows), (20_000, "KVS", 20_000));
}

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(plain).unwrap();
    let mut packed = packer.finish().unwrap();
    let mut sum = crc32fast::Hasher::new();
    sum.update(&packed);
    packed.extend(super::seal::seal(packed.len() as u64, sum));
    packed
}

#[test]
fn no_bit_of_a_small_archive_is_flipped_without_notice() {
    let whole = archive(&state(1));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped, 1_000).is_err(), "bit {bit}");
    }
    for length in 0..whole.len() {
        assert!(read(&whole[..length], 1_000).is_err(), "cut to {length}");
    }
}

#[test]
fn an_archive_that_was_packed_again_is_told_apart_from_what_was_saved() {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(archive(&state(3)).as_slice()).read_to_end(&mut plain).unwrap();
    let mut again = packed(&plain);
    assert!(read(&again, 1_000).is_ok(), "sealed anew by somebody who knows how");
    again.truncate(again.len() - super::seal::LENGTH);
    assert!(read(&again, 1_000).is_err());
}

#[test]
fn what_is_something_else_is_refused_with_its_reason() {
    let why = |bytes: &[u8]| read(bytes, 1_000).unwrap_err().to_string();
    assert!(why(b"not a snapshot").starts_with("failed to decompress snapshot: "));
    assert!(why(b"").starts_with("failed to decompress snapshot: "));
    assert!(why(&packed(b"hello")).starts_with("failed to decompress snapshot: "));
    let mut whole = archive(&state(1));
    whole[4] = 1;
    assert!(why(&whole).contains("not as it was saved"), "a time in gzip's header");
    assert!(why(&packed(&[7; 4_096])).starts_with("failed to read snapshot file: "));
    assert_eq!(why(&packed(&[0; 4_096])), "failed to read snapshot file: it ends where meta.json should be");
    let consul = br#"{"Version":1,"ID":"2-14-1","Index":14,"Term":2,"Peers":"k","Configuration":{},"ConfigurationIndex":1,"Size":10}"#;
    let mut plain = super::ustar::header("meta.json", consul.len() as u64).to_vec();
    plain.extend(consul);
    plain.resize(1_024, 0);
    assert!(why(&packed(&plain)).contains("most likely Consul"));
}

#[test]
fn a_huge_text_is_not_read() {
    let mut plain = super::ustar::header("meta.json", 1 << 40).to_vec();
    plain.resize(10_000, b' ');
    assert!(read(&packed(&plain), 1).unwrap_err().to_string().contains("at most"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_damage_goes_unnoticed(at in any::<proptest::sample::Index>(), flip in 1u8..=255, cut in any::<proptest::sample::Index>()) {
        let whole = archive(&state(300));
        let mut flipped = whole.clone();
        let at = at.index(whole.len());
        flipped[at] ^= flip;
        prop_assert!(read(&flipped, 1_000).is_err(), "byte {at}");
        prop_assert!(read(&whole[..cut.index(whole.len())], 1_000).is_err());
        prop_assert!(read(&[whole.as_slice(), b"x"].concat(), 1_000).is_err());
        prop_assert_eq!(State::decode(&read(&whole, 1_000).unwrap()), Ok(state(300)));
    }
}
