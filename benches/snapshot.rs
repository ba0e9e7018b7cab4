//! What a snapshot archive costs: writing and checking one of so many keys (a million unless told), and what history adds to a write.
//! `cargo bench --bench snapshot [keys]`.

use muster::model::{Key, Timestamp};
use muster::runtime::{Runtime, tokio::Tokio};
use muster::state::archive::{ArchiveReader, Meta, write};
use muster::state::{Command, Condition, KvCommand, Stamped, State};
use std::fs::File;
use std::io::BufReader;

/// Bytes of a value.
const VALUE: usize = 64;

fn main() {
    let keys: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    let mut state = State::default();
    let filled = seconds(|| (1..=keys).for_each(|index| put(&mut state, index, index)));
    println!("{:<40}{:>10.3} us", "a put, applied alone", filled / keys as f64 * 1e6);
    let path = std::env::temp_dir().join(format!("muster-bench-snapshot-{}", std::process::id()));
    let mut length = 0;
    let saved = seconds(|| {
        let file = File::create(&path).expect("a temporary file");
        length = write(file, &state, Meta::new(keys, 1, 0)).expect("room on the disk").1;
    });
    println!("{:<40}{saved:>10.3} s, {} MB", format!("an archive of {keys} keys, written"), length >> 20);
    let read = seconds(|| {
        let mut reader = ArchiveReader::open(BufReader::new(File::open(&path).expect("just written"))).expect("an archive");
        while reader.piece(1 << 20).expect("whole").is_some() {}
    });
    println!("{:<40}{read:>10.3} s", "the same, checked");
    std::fs::remove_file(&path).expect("it is ours");
}

fn put(state: &mut State, index: u64, key: u64) {
    let key = Key::new(format!("services/web/{key:08}").as_bytes());
    let value = key.iter().cycle().take(VALUE).copied().collect::<Vec<u8>>();
    let command = Command::Kv(KvCommand::Put { key, value: value.into(), flags: 0, condition: Condition::Always });
    state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(index), command });
}

/// Seconds that `work` takes.
fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Tokio::now();
    work();
    Tokio::now().since(begun).as_secs_f64()
}
