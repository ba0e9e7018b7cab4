//! What comes back to a question, on its way from the driver to the asker.

use crate::gossip::{Tally, Word};
use crate::model::NodeName;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Words that wait for one asker. At the bound a word is lost and counted, and its member is told among the silent.
const WORDS: usize = 1024;

/// What comes back to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A member's word.
    Word {
        /// Whose.
        by: NodeName,
        /// What.
        word: Word,
    },
    /// No more words.
    End(Tally),
}

/// The asker's end.
#[derive(Debug)]
pub struct Replies {
    words: mpsc::Receiver<(NodeName, Word)>,
    end: Option<oneshot::Receiver<Tally>>,
}

impl Replies {
    /// The next; [`Reply::End`] is the last, then it is `None`. Without an end if the pool has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Reply> {
        if let Some((by, word)) = self.words.recv().await {
            return Some(Reply::Word { by, word });
        }
        let tally = self.end.as_mut()?.await.ok();
        self.end = None;
        tally.map(Reply::End)
    }
}

/// The driver's end.
#[derive(Debug)]
pub(super) struct Asker {
    words: mpsc::Sender<(NodeName, Word)>,
    end: oneshot::Sender<Tally>,
    /// Whose newest word was lost.
    lost: BTreeSet<NodeName>,
}

/// Both ends.
pub(super) fn asker() -> (Asker, Replies) {
    let ((words, heard), (end, ended)) = (mpsc::channel(WORDS), oneshot::channel());
    (Asker { words, end, lost: BTreeSet::new() }, Replies { words: heard, end: Some(ended) })
}

impl Asker {
    /// One more word. One that finds no room is added to `lost`. An asker that went away has heard enough.
    pub fn hear(&mut self, by: NodeName, word: Word, lost: &AtomicU64) {
        match self.words.try_reserve() {
            Ok(room) => {
                self.lost.remove(&by);
                room.send((by, word));
            }
            Err(mpsc::error::TrySendError::Full(())) => {
                lost.fetch_add(1, Ordering::Relaxed);
                self.lost.insert(by);
            }
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
    }

    /// No more words.
    pub fn end(self, mut tally: Tally) {
        let silent: BTreeSet<NodeName> = tally.silent.drain(..).chain(self.lost).collect();
        tally.silent.extend(silent);
        let _it_has_heard_enough = self.end.send(tally);
    }
}

#[cfg(test)]
mod tests {
    use super::{Reply, WORDS, asker};
    use crate::gossip::{Tally, Word};
    use crate::model::NodeName;
    use crate::runtime::{Runtime, tokio::Tokio};
    use std::sync::atomic::{AtomicU64, Ordering};

    fn name(n: usize) -> NodeName {
        NodeName::parse(&format!("n{n:04}")).unwrap()
    }

    #[test]
    fn words_come_in_their_order_and_the_end_after_all_of_them() {
        let (mut asker, mut replies) = asker();
        let lost = AtomicU64::new(0);
        asker.hear(name(2), Word::Heard, &lost);
        asker.hear(name(1), Word::Nothing, &lost);
        asker.end(Tally { members: 3, silent: vec![name(2), name(3)] });
        Tokio::block_on(async {
            assert_eq!(replies.next().await, Some(Reply::Word { by: name(2), word: Word::Heard }));
            assert_eq!(replies.next().await, Some(Reply::Word { by: name(1), word: Word::Nothing }));
            assert_eq!(replies.next().await, Some(Reply::End(Tally { members: 3, silent: vec![name(2), name(3)] })));
            assert_eq!(replies.next().await, None);
        });
        assert_eq!(lost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn whose_word_finds_no_room_is_told_among_the_silent() {
        let (mut asker, mut replies) = asker();
        let lost = AtomicU64::new(0);
        (0..WORDS + 2).for_each(|n| asker.hear(name(n), Word::Nothing, &lost));
        assert_eq!(lost.load(Ordering::Relaxed), 2);
        asker.end(Tally { members: WORDS + 3, silent: vec![name(WORDS + 2)] });
        Tokio::block_on(async {
            for n in 0..WORDS {
                assert_eq!(replies.next().await, Some(Reply::Word { by: name(n), word: Word::Nothing }));
            }
            let silent = (WORDS..WORDS + 3).map(name).collect();
            assert_eq!(replies.next().await, Some(Reply::End(Tally { members: WORDS + 3, silent })));
        });
    }

    #[test]
    fn a_pool_that_stops_leaves_the_asker_without_an_end() {
        let (asker, mut replies) = asker();
        drop(asker);
        assert_eq!(Tokio::block_on(replies.next()), None);
    }
}
