//! The past of keys, and snapshots.

use super::{Fake, out, refusal};
use crate::state::State;
use crate::state::archive::{self, Meta};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;

const NOW: &str = r#"[{"LockIndex":0,"Key":"a","Flags":0,"Value":"bmV3","CreateIndex":1,"ModifyIndex":9}]"#;
const THEN: &str = r#"[{"LockIndex":0,"Key":"a","Flags":7,"Value":"b2xk","CreateIndex":1,"ModifyIndex":3}]"#;

#[test]
fn a_rollback_writes_what_was_there_unless_it_changed_meanwhile() {
    let answers =
        |took: &'static str| [("GET /v1/kv/a?at=3", 200, THEN), ("GET /v1/kv/a", 200, NOW), ("PUT /v1/kv/a?flags=7&cas=9", 200, took)];
    let fake = Fake::answering(&answers("true"));
    assert_eq!(out(&fake.line("kv rollback -index 3 a")), "Success! a is what it was at index 3\n");
    assert_eq!(fake.asked.borrow().last().unwrap().1.body, b"old");
    let raced = Fake::answering(&answers("false"));
    assert!(refusal(&raced.line("kv rollback -index=3 a")).contains("changed meanwhile"));
    assert_eq!(refusal(&fake.line("kv rollback a")), "Error! Missing flag -index");
}

#[test]
fn a_rollback_to_before_a_key_was_there_deletes_it_and_back_to_life_creates_it() {
    let fake = Fake::answering(&[("GET /v1/kv/a?at=1", 404, ""), ("GET /v1/kv/a", 200, NOW), ("DELETE /v1/kv/a?cas=9", 200, "true")]);
    out(&fake.line("kv rollback -index 1 a"));
    let fake = Fake::answering(&[("GET /v1/kv/a?at=3", 200, THEN), ("GET /v1/kv/a", 404, ""), ("PUT /v1/kv/a?flags=7&cas=0", 200, "true")]);
    out(&fake.line("kv rollback -index 3 a"));
    let fake = Fake::answering(&[("GET /v1/kv/a?at=3", 404, ""), ("GET /v1/kv/a", 404, "")]);
    assert!(out(&fake.line("kv rollback -index 3 a")).starts_with("Nothing to do"));
    let fake = Fake::answering(&[("GET /v1/kv/a?at=3", 410, "index 3 is not remembered any more")]);
    assert!(refusal(&fake.line("kv rollback -index 3 a")).contains("410 (index 3 is not remembered"));
}

#[test]
fn a_history_shows_values_and_deletions() {
    let body = r#"{"Oldest":2,"Newest":9,"Changes":[
        {"Index":3,"Time":"2021-01-01T00:00:00Z","Key":"a","Deleted":false,"Entry":{"Value":"b2xk"}},
        {"Index":5,"Time":"2021-01-01T00:00:01Z","Key":"a","Deleted":true,"Entry":null}]}"#;
    let fake = Fake::answering(&[("GET /v1/kv/a?history=true", 200, body)]);
    assert_eq!(
        out(&fake.line("kv history a")),
        "3           2021-01-01T00:00:00Z  old\n5           2021-01-01T00:00:01Z  (deleted)\nHistory is kept from index 2 to 9\n"
    );
}

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("muster-cli-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_snapshot_is_sent_as_it_lies_there() {
    let folder = folder("sent");
    let file = folder.join("s").display().to_string();
    archive::write(fs::File::create(&file).unwrap(), &State::default(), Meta::new(7, 1, 0)).unwrap();
    let fake = Fake::answering(&[("PUT /v1/snapshot?dc=dc1", 200, "")]);
    assert_eq!(out(&fake.run(&["snapshot", "restore", "-datacenter=dc1", &file])), "Restored snapshot\n");
    assert_eq!(fake.asked.borrow()[0].1.body, fs::read(&file).unwrap());
    let refusing = Fake::answering(&[("PUT /v1/snapshot", 500, "No cluster leader")]);
    let refused = refusal(&refusing.run(&["snapshot", "restore", &file]));
    assert_eq!(refused, "Error restoring snapshot: Unexpected response code: 500 (No cluster leader)");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_damaged_state_is_told_by_its_checksum_and_not_by_the_nonsense_it_reads_as() {
    let folder = folder("damaged");
    let file = folder.join("s").display().to_string();
    archive::write(fs::File::create(&file).unwrap(), &State::default(), Meta::new(7, 1, 0)).unwrap();
    let mut plain = Vec::new();
    MultiGzDecoder::new(fs::File::open(&file).unwrap()).read_to_end(&mut plain).unwrap();
    // Behind the two files' heads and the metadata.
    let state = 512 + 1_024 + 512;
    let fake = Fake::answering(&[]);
    for at in state..state + 16 {
        let mut damaged = plain.clone();
        damaged[at] ^= 0xff;
        let mut packed = GzEncoder::new(fs::File::create(&file).unwrap(), Compression::fast());
        packed.write_all(&damaged).unwrap();
        packed.finish().unwrap();
        for verb in ["restore", "inspect"] {
            let told = refusal(&fake.run(&["snapshot", verb, &file]));
            assert!(told.ends_with("hash check failed for \"state.bin\""), "{verb}, byte {at}: {told}");
        }
    }
    assert!(fake.requests().is_empty());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_snapshot_is_neither_kept_nor_sent() {
    let folder = folder("none");
    let file = folder.join("s").display().to_string();
    let fake = Fake::answering(&[("GET /v1/snapshot?stale=true", 200, "cut off"), ("PUT /v1/snapshot", 200, "")]);
    assert!(refusal(&fake.run(&["snapshot", "save", "-stale", &file])).contains("failed to decompress snapshot"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left of it");
    fs::write(&file, "cut off").unwrap();
    assert!(refusal(&fake.run(&["snapshot", "restore", &file])).contains("failed to decompress snapshot"));
    assert_eq!(fake.requests(), ["GET /v1/snapshot?stale=true"]);
    assert!(refusal(&fake.run(&["snapshot", "inspect", &file])).contains("failed to decompress snapshot"));
    fs::remove_dir_all(folder).unwrap();
}
