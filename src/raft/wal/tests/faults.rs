//! Named cases: damage, full and broken disks, purging, large batches.

use super::disk::{Draws, ModelDisk};
use super::{OPTIONS, TestWal, append, bodies, id, open};
use crate::raft::wal::format::{HEADER, Kind, RECORDS, Record, Seal, file_name};
use crate::raft::wal::{Damage, OpenWalError, recover_bytes};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Disk, DiskFile, timeout};
use proptest::prelude::*;
use std::time::Duration;

const FIRST: &str = "wal/0000000000000001.wal";

async fn refusal(disk: &ModelDisk) -> String {
    let before = disk.contents();
    let error = TestWal::open(disk.clone(), OPTIONS).await.err().expect("the log is damaged");
    assert!(matches!(error, OpenWalError::Damaged(_)), "{error}");
    assert_eq!(disk.contents(), before, "a damaged log is left as it is");
    error.to_string()
}

#[tokio::test]
async fn an_empty_folder_becomes_an_empty_log() {
    let disk = ModelDisk::new();
    let wal = open(&disk).await;
    assert_eq!((wal.last(), wal.purged(), wal.vote(), wal.committed()), (None, None, None, 0));
    drop(wal);
    let wal = open(&disk.restart()).await;
    assert_eq!((wal.last(), wal.vote()), (None, None));
}

#[tokio::test]
async fn what_was_durable_is_there_after_a_power_loss() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    wal.save_vote(b"term 7").await.unwrap();
    wal.note_committed(3);
    append(&mut wal, 0, 40, 7).await;
    let wal = open(&disk.lose_power(&mut Draws(1))).await;
    assert_eq!(wal.vote().as_deref(), Some(&b"term 7"[..]));
    assert_eq!(wal.last(), Some(id(39, 7)));
    assert_eq!(wal.committed(), 3);
    assert_eq!(bodies(&wal).await.len(), 40);
    assert_eq!(bodies(&wal).await[5], (id(5, 7), "entry 5 of term 7".to_owned()));
}

#[tokio::test]
async fn entries_cut_off_stay_cut_off() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 20, 1).await;
    wal.truncate_from(10).await.unwrap();
    append(&mut wal, 10, 12, 2).await;
    let wal = open(&disk.lose_power(&mut Draws(2))).await;
    assert_eq!(wal.last(), Some(id(11, 2)));
    assert_eq!(bodies(&wal).await.iter().map(|(id, _)| id.term).collect::<Vec<_>>(), [[1; 10].as_slice(), &[2; 2]].concat());
}

#[tokio::test]
async fn purged_segments_are_given_back_and_used_again() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    for round in 0..20 {
        append(&mut wal, round * 30, round * 30 + 30, 1).await;
        wal.purge(id(round * 30 + 24, 1)).await.unwrap();
    }
    // One more sync, so that the last purge is known to be durable and acted on.
    append(&mut wal, 600, 601, 1).await;
    while disk.contents().len() > 4 {
        tokio::task::yield_now().await;
    }
    let wal = open(&disk.lose_power(&mut Draws(3))).await;
    assert_eq!(wal.purged(), Some(id(594, 1)));
    assert_eq!(bodies(&wal).await.first().map(|(id, _)| id.index), Some(595));
    assert_eq!(bodies(&wal).await.len(), 6);
}

#[tokio::test]
async fn a_log_starts_anew_behind_a_snapshot_far_ahead() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 5, 1).await;
    wal.purge(id(1000, 3)).await.unwrap();
    assert_eq!(wal.last(), Some(id(1000, 3)));
    append(&mut wal, 1001, 1003, 3).await;
    let wal = open(&disk.lose_power(&mut Draws(4))).await;
    assert_eq!((wal.purged(), wal.last()), (Some(id(1000, 3)), Some(id(1002, 3))));
}

#[tokio::test]
async fn a_batch_longer_than_a_segment_gets_a_longer_one() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 3, 1).await;
    let long = vec![b'x'; 10_000];
    wal.append_bodies(&[(id(3, 1), &long), (id(4, 1), b"short")]).await.unwrap().await.unwrap().unwrap();
    append(&mut wal, 5, 9, 1).await;
    let wal = open(&disk.lose_power(&mut Draws(5))).await;
    assert_eq!(bodies(&wal).await.iter().map(|(_, body)| body.len()).collect::<Vec<_>>()[3..5], [10_000, 5]);
    assert_eq!(wal.last(), Some(id(8, 1)));
}

#[tokio::test]
async fn a_read_ends_at_its_bound_but_gives_one_entry_at_least() {
    let mut wal = open(&ModelDisk::new()).await;
    append(&mut wal, 0, 30, 1).await;
    let length = HEADER + "entry 1 of term 1".len();
    assert_eq!(wal.reader().read(1..30, length * 3).await.unwrap().len(), 3);
    assert_eq!(wal.reader().read(1..30, 1).await.unwrap().len(), 1);
    assert_eq!(wal.reader().read(30..40, 1).await.unwrap().len(), 0);
}

#[tokio::test]
async fn damage_before_the_last_batch_is_refused_by_file_and_offset() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 5, 1).await;
    drop(wal);
    let offset = RECORDS as usize + HEADER + HEADER + 3;
    disk.damage(FIRST, |bytes| bytes[offset] ^= 1);
    let said = refusal(&disk.restart()).await;
    let expected = format!("0000000000000001.wal: record 2 at offset {} is damaged", RECORDS as usize + HEADER);
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("remove it from the cluster"), "{said}");
}

#[tokio::test]
async fn damage_is_refused_when_only_a_later_segment_proves_it() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    while wal.active.seal.number < 3 {
        let next = wal.last().map_or(0, |last| last.index + 1);
        append(&mut wal, next, next + 1, 1).await;
    }
    let next = wal.last().unwrap().index + 1;
    append(&mut wal, next, next + 2, 1).await;
    drop(wal);
    disk.damage("wal/0000000000000002.wal", |bytes| bytes[RECORDS as usize..].fill(0));
    let said = refusal(&disk.restart()).await;
    assert!(said.contains("is damaged"), "{said}");
}

#[tokio::test]
async fn a_missing_segment_and_a_newer_release_are_refused() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 40, 1).await;
    drop(wal);
    let newer = disk.restart();
    newer.damage(FIRST, |bytes| {
        bytes[8] = 2;
        let sum = crc32fast::hash(&bytes[..28]);
        bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    });
    assert!(refusal(&newer).await.contains("version 2 is newer than 1"));
    newer.remove(FIRST).unwrap();
    assert!(refusal(&newer).await.contains("a segment is missing"));
}

#[tokio::test]
async fn a_failed_sync_is_told_to_all_and_never_tried_again() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 1, 1).await;
    while wal.shared.state().spare.is_none() {
        tokio::task::yield_now().await;
    }
    disk.fail_syncs();
    let durable = wal.append_bodies(&[(id(1, 1), b"lost")]).await.unwrap();
    let error = durable.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("syncing 0000000000000001.wal: the disk is broken"), "{error}");
    let syncs = disk.syncs();
    assert!(wal.append_bodies(&[(id(2, 1), b"never")]).await.is_err());
    assert!(wal.save_vote(b"never").await.is_err());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(disk.syncs(), syncs);
}

#[tokio::test]
async fn a_full_disk_stops_the_writer_only_until_there_is_space() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 1, 1).await;
    while wal.shared.state().spare.is_none() {
        tokio::task::yield_now().await;
    }
    disk.set_capacity(Some(disk.used()));
    assert!(wal.has_room());
    let reader = wal.reader();
    // The spare is used up, then no other can be made and the gauge says so; the writer goes on within the last segment, then waits.
    let filling = timeout::<Tokio, _>(Duration::from_millis(300), append(&mut wal, 1, 100, 1)).await;
    assert!(filling.is_err(), "the disk is full");
    assert!(!reader.has_room());
    let before = wal.last().unwrap().index;
    assert!(before > 5, "what was pre-allocated was used");
    disk.set_capacity(None);
    timeout::<Tokio, _>(Duration::from_secs(9), append(&mut wal, before + 1, before + 20, 1)).await.expect("there is space");
    assert!(reader.has_room());
    let wal = open(&disk.lose_power(&mut Draws(6))).await;
    assert_eq!(wal.last(), Some(id(before + 19, 1)));
}

#[tokio::test]
async fn appends_under_way_share_a_sync() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 1, 1).await;
    while wal.shared.state().spare.is_none() {
        tokio::task::yield_now().await;
    }
    let before = disk.syncs();
    let mut tickets = Vec::new();
    for index in 1..6 {
        tickets.push(wal.append_bodies(&[(id(index, 1), b"shared")]).await.unwrap());
    }
    for ticket in tickets {
        ticket.await.unwrap().unwrap();
    }
    assert!(disk.syncs() - before <= 2, "{} syncs for five appends", disk.syncs() - before);
}

#[tokio::test]
async fn segments_behind_a_torn_tail_leave_no_gap_in_the_numbers() {
    let disk = ModelDisk::new();
    let mut wal = open(&disk).await;
    append(&mut wal, 0, 3, 1).await;
    drop(wal);
    let disk = disk.restart();
    // What a power loss may leave: an unsynced record in the second segment, and a third that was ready.
    let mut leftover = vec![0; HEADER];
    let record = Record { kind: Kind::Entry, sequence: 99, durable: 1, committed: 0, index: 50, term: 1 };
    Seal { number: 2, secret: 5 }.close(&record, &mut leftover);
    for (number, record) in [(2, leftover), (3, Vec::new())] {
        let file = disk.create(&format!("wal/{}", file_name(number))).unwrap();
        file.write_at(0, &Seal { number, secret: 5 }.header()).unwrap();
        file.write_at(RECORDS, &record).unwrap();
        file.set_size(OPTIONS.segment_bytes).unwrap();
    }
    let mut wal = open(&disk).await;
    append(&mut wal, 3, 60, 1).await;
    let wal = open(&disk.lose_power(&mut Draws(7))).await;
    assert_eq!((wal.reader().first(), wal.last()), (0, Some(id(59, 1))));
}

/// The segments of a log of `batches` synced batches.
fn log_of(batches: u64) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let disk = ModelDisk::new();
        let mut wal = open(&disk).await;
        append(&mut wal, 0, batches, 1).await;
        disk.contents().into_iter().filter(|(name, _)| name.ends_with(".wal")).map(|(_, bytes)| bytes).collect()
    })
}

fn slices(segments: &[Vec<u8>]) -> Vec<&[u8]> {
    segments.iter().map(Vec::as_slice).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flipped_bit_shortens_a_log_by_more_than_its_last_batch(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let segments = log_of(24);
        let whole = recover_bytes(&slices(&segments)).unwrap();
        let mut changed = segments.clone();
        let total: usize = changed.iter().map(Vec::len).sum();
        let mut at = at.index(total);
        let segment = changed.iter_mut().find(|bytes| { let here = at < bytes.len(); if !here { at -= bytes.len() } here }).unwrap();
        segment[at] ^= 1 << bit;
        match recover_bytes(&slices(&changed)) {
            Ok(found) => prop_assert!(found.next_sequence + 1 >= whole.next_sequence, "{} of {}", found.next_sequence, whole.next_sequence),
            Err(Damage::Record { .. } | Damage::Header { .. }) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn recovery_never_panics(segments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..3)) {
        let _ = recover_bytes(&slices(&segments));
    }

    #[test]
    fn recovery_never_panics_on_a_mangled_log(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in 0..5000usize) {
        let mut segments = log_of(12);
        for (at, byte) in edits {
            let which = at.index(segments.len());
            let place = at.index(segments[which].len());
            segments[which][place] = byte;
        }
        let last = segments.last_mut().unwrap();
        last.truncate(last.len().saturating_sub(cut));
        let _ = recover_bytes(&slices(&segments));
    }
}
