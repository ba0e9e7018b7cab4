//! Up to which logical times this agent was told of events and questions, on disk beside the memory of members: one that starts again runs no handler
//! twice for one event, and hears what it missed.
//!
//! Two places of one small file are written by turns, each with a checksum, and nobody waits for the disk: a process that is killed finds what it noted.
//! A power loss may take the last notes with it; then what they spoke of can be told once more.

use crate::gossip::Clocks;
use crate::model::codec;
use crate::runtime::{Disk, DiskFile};
use std::io;

/// Newest version of a place known.
const VERSION: u8 = 1;

/// Bytes of a place: what it says, then CRC-32 of that, little-endian.
const PLACE: usize = 21;
const SAID: usize = PLACE - 4;

/// The file and what it says.
#[derive(Debug)]
pub(super) struct ClockFile<D: Disk> {
    file: D::File,
    clocks: Clocks,
    /// The place to write next.
    turn: u64,
}

impl<D: Disk> ClockFile<D> {
    /// Opens the file, or makes one that says nothing.
    pub fn open(disk: &D, name: &str) -> io::Result<ClockFile<D>> {
        let bytes = match disk.read(name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = disk.create(name)?;
                return Ok(ClockFile { file, clocks: Clocks::default(), turn: 0 });
            }
            Err(error) => return Err(error),
        };
        let places = [read(bytes.get(..PLACE)), read(bytes.get(PLACE..2 * PLACE))];
        let clocks = places.into_iter().flatten().fold(Clocks::default(), later);
        // The other place still holds while one is written.
        let turn = u64::from(places[0] == Some(clocks));
        Ok(ClockFile { file: disk.open(name)?, clocks, turn })
    }

    /// What it says.
    pub fn clocks(&self) -> Clocks {
        self.clocks
    }

    /// Notes these, as far as they are later.
    pub fn note(&mut self, clocks: Clocks) -> io::Result<()> {
        let next = later(self.clocks, clocks);
        if next == self.clocks {
            return Ok(());
        }
        self.file.write_at(self.turn * PLACE as u64, &written(next))?;
        (self.clocks, self.turn) = (next, 1 - self.turn);
        Ok(())
    }
}

/// The later of each.
pub(super) fn later(one: Clocks, other: Clocks) -> Clocks {
    Clocks { events: one.events.max(other.events), questions: one.questions.max(other.questions) }
}

fn written(clocks: Clocks) -> Vec<u8> {
    let mut place = codec::encode(VERSION, &(clocks.events, clocks.questions));
    assert_eq!(place.len(), SAID, "a place has one length");
    place.extend_from_slice(&crc32fast::hash(&place).to_le_bytes());
    place
}

/// `None` of a place that was never written whole.
fn read(place: Option<&[u8]>) -> Option<Clocks> {
    let (said, sum) = place?.split_last_chunk::<4>()?;
    if crc32fast::hash(said) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (events, questions) = codec::decode("gossip clocks", VERSION, said).ok()?;
    Some(Clocks { events, questions })
}

#[cfg(test)]
mod tests {
    use super::{ClockFile, PLACE};
    use crate::gossip::Clocks;
    use crate::runtime::{Disk, DiskFile, Runtime, tokio::Tokio};
    use crate::server::gossip::tests::Folder;

    const NAME: &str = "clocks";

    fn clocks(events: u64, questions: u64) -> Clocks {
        Clocks { events, questions }
    }

    #[test]
    fn what_was_noted_is_found_and_time_does_not_run_back() {
        let folder = Folder::new("clocks");
        let disk = Tokio::disk(&folder.0).unwrap();
        let mut file = ClockFile::open(&disk, NAME).unwrap();
        assert_eq!(file.clocks(), Clocks::default());
        for (noted, found) in [((3, 1), (3, 1)), ((7, 0), (7, 1)), ((5, 9), (7, 9)), ((7, 9), (7, 9)), ((8, 9), (8, 9))] {
            file.note(clocks(noted.0, noted.1)).unwrap();
            file = ClockFile::open(&disk, NAME).unwrap();
            assert_eq!(file.clocks(), clocks(found.0, found.1));
        }
        assert_eq!(disk.read(NAME).unwrap().len(), 2 * PLACE, "it does not grow");
    }

    #[test]
    fn a_place_that_is_torn_leaves_the_one_before_and_is_the_next_to_be_written() {
        let folder = Folder::new("clocks-torn");
        let disk = Tokio::disk(&folder.0).unwrap();
        let mut file = ClockFile::open(&disk, NAME).unwrap();
        (1..=4).for_each(|at| file.note(clocks(at, 0)).unwrap());
        // The fourth lies in the second place.
        disk.open(NAME).unwrap().write_at(PLACE as u64 + 2, &[0xff]).unwrap();
        let mut file = ClockFile::open(&disk, NAME).unwrap();
        assert_eq!(file.clocks(), clocks(3, 0));
        file.note(clocks(9, 0)).unwrap();
        disk.open(NAME).unwrap().write_at(PLACE as u64 + 2, &[0xff]).unwrap();
        assert_eq!(ClockFile::open(&disk, NAME).unwrap().clocks(), clocks(3, 0), "the good place was left alone");
        disk.create(NAME).unwrap().write_at(0, &[0xff; 5]).unwrap();
        assert_eq!(ClockFile::open(&disk, NAME).unwrap().clocks(), Clocks::default());
    }
}
