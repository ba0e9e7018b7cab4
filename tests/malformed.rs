//! Bytes from anyone never panic the agent: every fuzz target is replayed over its committed corpus, its seeds, changed copies of both and noise.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// One target: its name, what it runs, what it starts from.
struct Target {
    name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Seeds,
    /// How many changed copies and how much noise to try: as many as a second or two takes.
    rounds: usize,
}

const TARGETS: &[Target] = &[
    Target { name: "catalog_body", run: targets::catalog_body::run, seeds: targets::catalog_body::seeds, rounds: 6000 },
    Target { name: "filter_expression", run: targets::filter_expression::run, seeds: targets::filter_expression::seeds, rounds: 3000 },
    Target { name: "definition", run: targets::definition::run, seeds: targets::definition::seeds, rounds: 6000 },
    Target { name: "gossip_packet", run: targets::gossip_packet::run, seeds: targets::gossip_packet::seeds, rounds: 3000 },
    Target { name: "http_answer", run: targets::http_answer::run, seeds: targets::http_answer::seeds, rounds: 4000 },
    Target { name: "kv_request_line", run: targets::kv_request_line::run, seeds: targets::kv_request_line::seeds, rounds: 8000 },
    Target { name: "query_template", run: targets::query_template::run, seeds: targets::query_template::seeds, rounds: 3000 },
    Target { name: "rpc_frame", run: targets::rpc_frame::run, seeds: targets::rpc_frame::seeds, rounds: 4000 },
    Target { name: "snapshot_archive", run: targets::snapshot_archive::run, seeds: targets::snapshot_archive::seeds, rounds: 1500 },
    Target { name: "state_command", run: targets::state_command::run, seeds: targets::state_command::seeds, rounds: 3000 },
    Target { name: "state_snapshot", run: targets::state_snapshot::run, seeds: targets::state_snapshot::seeds, rounds: 3000 },
    Target { name: "wal_recovery", run: targets::wal_recovery::run, seeds: targets::wal_recovery::seeds, rounds: 600 },
];

/// Longest input generated.
const LONGEST: usize = 8192;

impl Target {
    fn folder(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(self.name)
    }

    /// The committed inputs, by name.
    fn corpus(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.folder()).unwrap_or_else(|e| panic!("{}: {e}", self.folder().display()));
        let mut files: Vec<PathBuf> = entries.map(|e| e.expect("a readable folder").path()).filter(|p| p.is_file()).collect();
        files.sort();
        files.iter().map(|file| (file.display().to_string(), fs::read(file).expect("a readable file"))).collect()
    }

    /// Runs one input; the panic says which it was, so that it can be put into the corpus.
    fn try_one(&self, what: &str, input: &[u8]) {
        if catch_unwind(AssertUnwindSafe(|| (self.run)(input))).is_err() {
            panic!("{} panicked on {what}: {} bytes, hex {}", self.name, input.len(), hex(input));
        }
    }

    fn replay(&self) {
        let corpus = self.corpus();
        assert!(!corpus.is_empty(), "{} has no corpus", self.name);
        let seeds = (self.seeds)().into_iter().map(|(name, input)| (name.to_owned(), input));
        let starts: Vec<(String, Vec<u8>)> = corpus.into_iter().chain(seeds).collect();
        starts.iter().for_each(|(what, input)| self.try_one(what, input));
        let mut draws = ChaCha8Rng::seed_from_u64(self.name.bytes().map(u64::from).sum());
        for round in 0..self.rounds {
            let (what, start) = &starts[below(&mut draws, starts.len())];
            let (_, other) = &starts[below(&mut draws, starts.len())];
            let input = changed(&mut draws, start, other);
            self.try_one(&format!("change {round} of {what}"), &input);
            let mut noise = vec![0; below(&mut draws, 256)];
            draws.fill_bytes(&mut noise);
            self.try_one(&format!("noise {round}"), &noise);
        }
    }
}

fn below(draws: &mut ChaCha8Rng, bound: usize) -> usize {
    (draws.next_u64() % bound.max(1) as u64) as usize
}

/// A copy with one to four changes: bytes replaced, a bit turned, cut, repeated, joined with another input, or a length set to its extremes.
fn changed(draws: &mut ChaCha8Rng, start: &[u8], other: &[u8]) -> Vec<u8> {
    let mut input = start.to_vec();
    for _ in 0..=below(draws, 4) {
        let at = below(draws, input.len());
        match draws.next_u32() % 7 {
            0 if !input.is_empty() => input[at] = draws.next_u32() as u8,
            1 if !input.is_empty() => input[at] ^= 1 << (draws.next_u32() % 8),
            2 => input.truncate(at),
            3 => {
                let tail = input[at..].to_vec();
                input.extend(tail);
            }
            4 => {
                input.truncate(at);
                input.extend_from_slice(&other[below(draws, other.len()).min(other.len())..]);
            }
            5 => {
                let extremes = [0, 1, 0x7F, 0x80, 0xFF];
                let value = extremes[below(draws, extremes.len())];
                input.iter_mut().skip(at).take(4).for_each(|byte| *byte = value);
            }
            _ => input.insert(at.min(input.len()), draws.next_u32() as u8),
        }
        input.truncate(LONGEST);
    }
    input
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(2048).map(|byte| format!("{byte:02x}")).collect()
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target")
}

#[test]
fn registrations_of_any_bytes_are_taken_or_refused() {
    target("definition").replay();
}

#[test]
fn gossip_of_any_bytes_is_heard_or_counted() {
    target("gossip_packet").replay();
}

#[test]
fn catalog_bodies_of_any_bytes_are_taken_or_refused() {
    target("catalog_body").replay();
}

#[test]
fn filter_expressions_of_any_bytes_are_applied_or_refused() {
    target("filter_expression").replay();
}

#[test]
fn http_answers_of_any_bytes_are_read_or_refused() {
    target("http_answer").replay();
}

#[test]
fn kv_request_lines_of_any_bytes_are_understood_or_refused() {
    target("kv_request_line").replay();
}

#[test]
fn logs_of_any_bytes_are_recovered_or_refused() {
    target("wal_recovery").replay();
}

#[test]
fn commands_of_any_bytes_are_applied_or_refused() {
    target("state_command").replay();
}

#[test]
fn snapshots_of_any_bytes_are_read_or_refused() {
    target("state_snapshot").replay();
}

#[test]
fn rpc_frames_of_any_bytes_are_read_or_refused() {
    target("rpc_frame").replay();
}

#[test]
fn a_target_that_panics_is_reported_with_its_input() {
    let broken = Target { name: "rpc_frame", run: |input| assert!(input.len() < 17, "too long"), seeds: Vec::new, rounds: 1 };
    let panic = catch_unwind(|| broken.replay()).expect_err("the corpus holds longer inputs");
    assert!(panic.downcast_ref::<String>().is_some_and(|said| said.contains("rpc_frame panicked on") && said.contains("hex ")));
}

#[test]
fn every_target_of_the_fuzzer_is_replayed() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let binaries: Vec<&str> = manifest.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1)).collect();
    let replayed: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(binaries, replayed);
}

/// Writes the seeds into the corpora: `cargo test --test malformed -- --ignored`.
#[test]
#[ignore = "writes into fuzz/corpus"]
fn write_the_seeds() {
    for target in TARGETS {
        fs::create_dir_all(target.folder()).expect("a folder");
        for (name, input) in (target.seeds)() {
            fs::write(target.folder().join(name), input).expect("written");
        }
    }
}

#[test]
fn prepared_queries_of_any_bytes_are_kept_or_refused() {
    target("query_template").replay();
}

#[test]
fn snapshot_archives_of_any_bytes_are_read_or_refused() {
    target("snapshot_archive").replay();
}
