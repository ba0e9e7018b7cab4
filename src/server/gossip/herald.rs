//! The task between gossip and the agent: it notes what it is about to tell before it tells it, so that nothing is told again after a restart. Neither
//! the agent's pace nor the disk's is gossip's.

use super::clocks::{ClockFile, later};
use super::pool::Public;
use crate::gossip::Clocks;
use crate::runtime::Disk;
use tokio::sync::mpsc;

/// Events and questions that wait to be told. At the bound gossip drops what is newer, and counts it.
pub(super) const WAITING: usize = 1024;

/// Noted together at most.
const BATCH: usize = 64;

/// Tells the agent what gossip brings until either is gone.
pub(super) async fn herald<D: Disk>(mut waiting: mpsc::Receiver<Public>, agent: mpsc::Sender<Public>, mut clocks: Option<ClockFile<D>>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut failing = false;
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        if let Some(file) = &mut clocks {
            let noted = file.note(batch.iter().map(time_of).fold(Clocks::default(), later));
            if let Err(error) = &noted
                && !failing
            {
                tracing::warn!(%error, "the time of events is not noted on disk: after a restart they may be told again");
            }
            failing = noted.is_err();
        }
        for what in batch.drain(..) {
            if agent.send(what).await.is_err() {
                return;
            }
        }
    }
}

fn time_of(what: &Public) -> Clocks {
    match what {
        Public::Event(event) => Clocks { events: event.at, ..Clocks::default() },
        Public::Question(question) => Clocks { questions: question.at, ..Clocks::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::{ClockFile, herald};
    use crate::gossip::{Clocks, Scope, UserEvent};
    use crate::runtime::{Runtime, tokio::Tokio};
    use crate::server::gossip::Public;
    use crate::server::gossip::tests::Folder;
    use tokio::sync::mpsc;

    fn event(at: u64) -> Public {
        let (name, payload) = ("deploy".to_owned(), Default::default());
        Public::Event(UserEvent { id: u128::from(at), at, name, payload, scope: Scope::default(), after: Vec::new() }.into())
    }

    #[test]
    fn what_is_told_was_noted_before() {
        let folder = Folder::new("herald");
        let disk = Tokio::disk(&folder.0).unwrap();
        Tokio::block_on(async {
            let noted = || ClockFile::open(&disk, "clocks").unwrap();
            let ((gossip, waiting), (teller, mut agent)) = (mpsc::channel(8), mpsc::channel(1));
            let task = Tokio::spawn(herald(waiting, teller, Some(noted())));
            for (at, known) in [(4, 4), (3, 4), (9, 9)] {
                gossip.send(event(at)).await.unwrap();
                assert_eq!(agent.recv().await, Some(event(at)), "in the order of gossip");
                assert_eq!(noted().clocks(), Clocks { events: known, questions: 0 });
            }
            drop(gossip);
            assert_eq!(agent.recv().await, None, "it ends with gossip");
            drop(task);
        });
    }
}
