//! Proofs of leadership for linearizable reads, shared by those who may share one.
//!
//! A read may rest on a proof only if the proof began after the read arrived. So while one is under way, all who come form the next one:
//! there is at most one running and one waiting, whatever the number of readers.

use super::errors::ReadError;
use crate::model::Index;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::sync::{Arc, Mutex};

/// The index that a view must have reached, or why there is none.
pub(super) type Proof = Result<Index, ReadError>;
/// One proof, awaited by all who share it.
pub(super) type Round = Shared<BoxFuture<'static, Proof>>;

/// The rounds of one kind of proof.
#[derive(Default)]
pub(super) struct Rounds {
    rounds: Mutex<Pair>,
}

#[derive(Default)]
struct Pair {
    running: Option<Round>,
    next: Option<Round>,
}

impl Rounds {
    /// A proof that begins after this call. `ask` obtains one; it is used only if nobody else's is waiting already.
    ///
    /// Whoever waits drives the round, and the round before it if need be: one whose reader went away is not lost.
    pub(super) fn join(self: &Arc<Self>, ask: impl FnOnce() -> BoxFuture<'static, Proof>) -> Round {
        let mut rounds = self.rounds.lock().expect("no panic while held");
        if let Some(next) = &rounds.next {
            return next.clone();
        }
        let running = rounds.running.take().filter(|running| running.peek().is_none());
        let Some(running) = running else {
            let round = ask().shared();
            rounds.running = Some(round.clone());
            return round;
        };
        rounds.running = Some(running.clone());
        let (all, ask) = (self.clone(), ask());
        let round = async move {
            let _ = running.await;
            all.advance();
            ask.await
        };
        let round = round.boxed().shared();
        rounds.next = Some(round.clone());
        round
    }

    /// The waiting round begins: nobody joins it any more.
    fn advance(&self) {
        let mut rounds = self.rounds.lock().expect("no panic while held");
        rounds.running = rounds.next.take();
    }
}

#[cfg(test)]
mod tests {
    use super::{Proof, Rounds};
    use futures_util::FutureExt;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Waker};
    use tokio::sync::oneshot;

    /// Counts the proofs asked for and answers when told to.
    #[derive(Default)]
    struct Leader {
        begun: Arc<AtomicU64>,
        answers: Arc<Mutex<Vec<oneshot::Sender<u64>>>>,
    }

    impl Leader {
        fn read(&self, rounds: &Arc<Rounds>) -> Pin<Box<dyn Future<Output = Proof>>> {
            let (begun, answers) = (self.begun.clone(), self.answers.clone());
            let proof = async move {
                begun.fetch_add(1, Ordering::SeqCst);
                let (tx, rx) = oneshot::channel();
                answers.lock().unwrap().push(tx);
                Ok(rx.await.unwrap())
            };
            Box::pin(rounds.join(|| proof.boxed()))
        }

        fn answer(&self, index: u64) {
            self.answers.lock().unwrap().remove(0).send(index).unwrap();
        }

        fn begun(&self) -> u64 {
            self.begun.load(Ordering::SeqCst)
        }
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn those_who_come_during_a_proof_share_the_next_one() {
        let (leader, rounds) = (Leader::default(), Arc::new(Rounds::default()));
        let mut first = pin!(leader.read(&rounds));
        assert!(poll(first.as_mut()).is_pending());
        let mut late = pin!(leader.read(&rounds));
        let mut later = pin!(leader.read(&rounds));
        assert!(poll(late.as_mut()).is_pending());
        assert!(poll(later.as_mut()).is_pending());
        assert_eq!(leader.begun(), 1, "the second waits for the first");
        leader.answer(7);
        assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(7)));
        assert!(poll(late.as_mut()).is_pending());
        assert!(poll(later.as_mut()).is_pending());
        assert_eq!(leader.begun(), 2, "one for both");
        leader.answer(9);
        assert_eq!(poll(late.as_mut()), Poll::Ready(Ok(9)));
        assert_eq!(poll(later.as_mut()), Poll::Ready(Ok(9)));
    }

    #[test]
    fn a_read_never_rests_on_a_proof_that_began_before_it() {
        let (leader, rounds) = (Leader::default(), Arc::new(Rounds::default()));
        let mut first = pin!(leader.read(&rounds));
        assert!(poll(first.as_mut()).is_pending());
        let mut second = pin!(leader.read(&rounds));
        assert!(poll(second.as_mut()).is_pending());
        leader.answer(1);
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(leader.begun(), 2);
        // The second has begun: a third must not join it.
        let mut third = pin!(leader.read(&rounds));
        assert!(poll(third.as_mut()).is_pending());
        leader.answer(2);
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(2)));
        assert!(poll(third.as_mut()).is_pending());
        assert_eq!(leader.begun(), 3);
    }

    #[test]
    fn a_reader_that_goes_away_leaves_its_round_to_the_next() {
        let (leader, rounds) = (Leader::default(), Arc::new(Rounds::default()));
        drop(leader.read(&rounds));
        let mut second = pin!(leader.read(&rounds));
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(leader.begun(), 1, "it drives the one left behind first");
        leader.answer(1);
        assert!(poll(second.as_mut()).is_pending());
        leader.answer(2);
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(2)));
    }

    #[test]
    fn without_a_proof_under_way_a_read_begins_its_own() {
        let (leader, rounds) = (Leader::default(), Arc::new(Rounds::default()));
        for index in 1..4 {
            let mut read = pin!(leader.read(&rounds));
            assert!(poll(read.as_mut()).is_pending());
            assert_eq!(leader.begun(), index);
            leader.answer(index);
            assert_eq!(poll(read.as_mut()), Poll::Ready(Ok(index)));
        }
    }
}
