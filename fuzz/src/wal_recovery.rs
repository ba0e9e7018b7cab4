//! Whatever a disk gives back as the log's segments.
//!
//! Checksums would keep changed bytes from getting far, so an input is read three ways: as a segment's bytes, as instructions for sealed
//! records that say anything, and as a wound to a log that was written honestly.

use muster::raft::wal::{Damage, Recovered, recover_bytes};

/// Where records begin in a segment, and how long a record is without its body.
const RECORDS: usize = 4096;
const HEADER: usize = 49;

/// Kinds of records by their byte.
const CHECKPOINT: u8 = 1;
const VOTE: u8 = 2;
const ENTRY: u8 = 3;

/// Reads `input` in the three ways.
pub fn run(input: &[u8]) {
    let mut segment = segment_header(1);
    segment.extend_from_slice(input);
    for segments in [vec![input.to_vec()], vec![segment], instructed(input)] {
        // A log or a refusal: either is right.
        let _ = recover(&segments);
    }
    wounded(input);
}

/// Recovers, twice the same, and holds what comes to the log's own laws.
fn recover(segments: &[Vec<u8>]) -> Result<Recovered, Damage> {
    let slices: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    let recovered = recover_bytes(&slices);
    assert_eq!(recovered, recover_bytes(&slices), "recovery depends on more than the bytes");
    if let Ok(log) = &recovered {
        assert!(log.next_sequence >= 1);
        let range = log.live.range();
        for index in range.clone() {
            let place = log.live.place(index).expect("every entry of the range has a place");
            let segment = &segments[place.segment as usize - 1];
            let end = place.offset as usize + place.length as usize;
            assert!(place.length as usize >= HEADER && end <= segment.len(), "entry {index} lies outside its segment");
        }
        assert!(log.live.place(range.end).is_none(), "an entry beyond the range");
    }
    recovered
}

/// A record's fields beside its body.
#[derive(Clone, Copy)]
struct Fields {
    kind: u8,
    sequence: u64,
    durable: u64,
    committed: u64,
    index: u64,
    term: u64,
}

fn secret(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn segment_header(number: u64) -> Vec<u8> {
    let mut out = b"MUSTRWAL".to_vec();
    out.extend(1u32.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(secret(number).to_le_bytes());
    out.extend(crc32fast::hash(&out).to_le_bytes());
    out.resize(RECORDS, 0);
    out
}

fn append(segment: &mut Vec<u8>, number: u64, fields: Fields, body: &[u8]) {
    let mut rest = (body.len() as u32).to_le_bytes().to_vec();
    rest.push(fields.kind);
    for field in [fields.sequence, fields.durable, fields.committed, fields.index, fields.term] {
        rest.extend(field.to_le_bytes());
    }
    rest.extend_from_slice(body);
    let sealed = [&secret(number).to_le_bytes()[..], &number.to_le_bytes()[..], &rest].concat();
    segment.extend(crc32fast::hash(&sealed).to_le_bytes());
    segment.extend(rest);
}

/// Eight bytes of `input` make a sealed record: its kind (or the next segment), and numbers near those expected or far from them.
fn instructed(input: &[u8]) -> Vec<Vec<u8>> {
    let mut segments = vec![segment_header(1)];
    let mut sequence = 1u64;
    for instruction in input.chunks_exact(8).take(200) {
        let [kind, jump, durable, committed, index, term, body, extreme] = *<&[u8; 8]>::try_from(instruction).expect("eight bytes");
        if kind % 16 == 0 && segments.len() < 8 {
            segments.push(segment_header(segments.len() as u64 + 1));
        }
        let number = segments.len() as u64;
        sequence = if jump > 250 { sequence.wrapping_add(u64::from(jump)) } else { sequence };
        let far = |bit: u8, near: u64| if extreme & bit != 0 { u64::MAX - near } else { near };
        let fields = Fields {
            kind: kind / 16 % 7,
            sequence: far(1, sequence),
            durable: far(2, sequence.saturating_sub(u64::from(durable % 8) + 1)),
            committed: far(4, u64::from(committed)),
            index: far(8, u64::from(index)),
            term: far(16, u64::from(term)),
        };
        append(segments.last_mut().expect("one at least"), number, fields, &vec![term; usize::from(body % 32)]);
        sequence = sequence.wrapping_add(1);
    }
    segments
}

/// Entries of the honest log, and how many of them are in its first segment.
const ENTRIES: u64 = 12;
const IN_FIRST: u64 = 7;

/// A log of two segments, each record written when the one before was durable.
fn honest() -> Vec<Vec<u8>> {
    let fields = |kind, sequence, index| Fields { kind, sequence, durable: sequence - 1, committed: index, index, term: 1 };
    let mut first = segment_header(1);
    append(&mut first, 1, Fields { term: 0, ..fields(CHECKPOINT, 1, 0) }, b"");
    append(&mut first, 1, fields(VOTE, 2, 0), b"a vote");
    let mut second = segment_header(2);
    for index in 0..ENTRIES {
        if index == IN_FIRST {
            append(&mut second, 2, Fields { term: 0, ..fields(CHECKPOINT, 3 + IN_FIRST, 0) }, b"a vote");
        }
        let (segment, number, sequence) = if index < IN_FIRST { (&mut first, 1, 3 + index) } else { (&mut second, 2, 4 + index) };
        append(segment, number, fields(ENTRY, sequence, index), format!("entry {index}").as_bytes());
    }
    first.resize(first.len() + 512, 0);
    second.resize(second.len() + 512, 0);
    vec![first, second]
}

/// Each six bytes of `input` are a wound: a byte somewhere in the honest log is changed, or everything behind it zeroed. All that may come of
/// it is a refusal or a shorter log: what is given back is what was written, from the first entry on.
fn wounded(input: &[u8]) {
    let mut segments = honest();
    let whole = recover(&segments).expect("an honest log is read");
    assert_eq!(whole.live.range(), 0..ENTRIES, "an honest log is read whole");
    for wound in input.chunks_exact(6).take(4) {
        let segment = &mut segments[usize::from(wound[0] % 2)];
        let at = RECORDS + (usize::from(wound[1]) << 8 | usize::from(wound[2])) % (segment.len() - RECORDS);
        match wound[3] % 3 {
            0 => segment[at] ^= wound[4].max(1),
            1 => segment[at..].fill(0),
            _ => segment[at..].iter_mut().take(usize::from(wound[5])).for_each(|byte| *byte = wound[4]),
        }
    }
    if let Ok(log) = recover(&segments) {
        let range = log.live.range();
        assert!(range.start == 0 && range.end <= ENTRIES, "entries nobody wrote: {range:?}");
        for index in range {
            assert_eq!(log.live.place(index), whole.live.place(index), "entry {index} is another one");
        }
    }
}

/// Instructions for sound and unsound logs, the bytes of sound ones, and wounds.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let record = |kind: u8, index: u8| [kind * 16 + 1, 0, 0, index, index, 1, 5, 0];
    let sound: Vec<u8> = [record(CHECKPOINT, 0), record(VOTE, 0)].into_iter().chain((0..6).map(|i| record(ENTRY, i))).flatten().collect();
    let truncated: Vec<u8> = sound.iter().copied().chain(record(4, 3)).chain(record(ENTRY, 3)).chain(record(5, 2)).collect();
    let mut two = sound.clone();
    two.extend([CHECKPOINT * 16, 0, 0, 0, 0, 0, 0, 0]);
    two.extend(record(ENTRY, 6));
    vec![
        ("sound", sound.clone()),
        ("truncated", truncated),
        ("two-segments", two),
        ("far", [sound, [ENTRY * 16 + 1, 255, 0, 0, 6, 1, 0, 31].to_vec()].concat()),
        ("records", honest()[0][RECORDS..].to_vec()),
        ("segment", honest()[0].clone()),
        ("bit", [0, 0, 80, 0, 4, 0].to_vec()),
        ("tail", [1, 0, 120, 1, 0, 0].to_vec()),
    ]
}
