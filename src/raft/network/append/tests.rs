use super::super::{Peer, PeerError, Peers};
use super::{Appended, stream};
use crate::model::NodeId;
use crate::raft::tests::folder::TestFolder;
use crate::raft::types::{Entry, LogId, Payload, Types, Vote};
use crate::raft::wire;
use crate::rpc::Method;
use crate::runtime::tokio::Tokio;
use bytes::Bytes;
use futures_util::Stream;
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;

type Request = AppendEntriesRequest<Types<Tokio>>;
type Reply = AppendEntriesResponse<Types<Tokio>>;

/// A server that answers when told to.
#[derive(Clone, Default)]
struct Follower(Arc<Mutex<Vec<(Request, oneshot::Sender<Reply>)>>>);

impl Peers for Follower {
    async fn call(&self, _: NodeId, _: SocketAddr, _: Method, body: Bytes, _: Duration) -> Result<Bytes, PeerError> {
        let (answer, reply) = oneshot::channel();
        self.0.lock().unwrap().push((wire::open_request(NodeId::from(2), "append", &body).unwrap(), answer));
        let reply = reply.await.map_err(|_| PeerError::Silent("lost".to_owned()))?;
        Ok(wire::reply(&reply))
    }
}

impl Follower {
    /// How many requests have come that are not answered.
    fn asked(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn answer(&self, which: usize, reply: Reply) {
        self.0.lock().unwrap().remove(which).1.send(reply).unwrap();
    }

    fn lose(&self) {
        self.0.lock().unwrap().clear();
    }
}

fn id(index: u64) -> LogId<Tokio> {
    LogId::<Tokio>::new_term_index(1, index)
}

/// After entry `prev`, with the `count` entries that follow it.
fn request(prev: u64, count: u64) -> Request {
    let entries = (prev + 1..=prev + count).map(|index| Entry::<Tokio> { log_id: id(index), payload: Payload::<Tokio>::Blank });
    let vote = Vote::<Tokio>::new_committed(1, NodeId::from(1));
    AppendEntriesRequest { vote, prev_log_id: Some(id(prev)), entries: entries.collect(), leader_commit: Some(id(prev)) }
}

struct Bench {
    follower: Follower,
    peer: Peer<Tokio, Follower>,
    _folder: TestFolder,
}

impl Bench {
    fn new() -> Bench {
        let (follower, folder) = (Follower::default(), TestFolder::new());
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let peer = Peer { id: NodeId::from(2), addr, peers: follower.clone(), disk: folder.disk() };
        Bench { follower, peer, _folder: folder }
    }

    /// Sends these and then waits for more, for ever.
    fn send(&self, requests: Vec<Request>) -> Pin<Box<dyn Stream<Item = Appended<Tokio>> + Send + '_>> {
        use futures_util::StreamExt;
        let input = Box::pin(futures_util::stream::iter(requests).chain(futures_util::stream::pending()));
        Box::pin(stream(&self.peer, input, RPCOption::new(Duration::from_millis(75))))
    }
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

fn matched(reply: Poll<Option<Appended<Tokio>>>) -> u64 {
    let Poll::Ready(Some(Ok(Ok(Some(id))))) = reply else { panic!("{reply:?}") };
    id.index()
}

#[test]
fn entries_wait_for_the_reply_to_those_before_them() {
    let bench = Bench::new();
    let mut replies = bench.send(vec![request(0, 2), request(2, 1)]);
    assert!(poll(&mut replies).is_pending());
    assert_eq!(bench.follower.asked(), 1);
    bench.follower.answer(0, AppendEntriesResponse::Success);
    assert_eq!(matched(poll(&mut replies)), 2);
    assert!(poll(&mut replies).is_pending());
    assert_eq!(bench.follower.asked(), 1);
    bench.follower.answer(0, AppendEntriesResponse::Success);
    assert_eq!(matched(poll(&mut replies)), 3);
}

#[test]
fn the_news_of_a_commit_does_not_hold_entries_up() {
    let bench = Bench::new();
    let mut replies = bench.send(vec![request(2, 0), request(2, 1), request(3, 0)]);
    assert!(poll(&mut replies).is_pending());
    assert_eq!(bench.follower.asked(), 2, "the entry went without waiting; what builds on it does wait");
    bench.follower.answer(1, AppendEntriesResponse::Success);
    assert!(poll(&mut replies).is_pending(), "replies come in the order of the requests");
    bench.follower.answer(0, AppendEntriesResponse::Success);
    assert_eq!(matched(poll(&mut replies)), 2);
    assert_eq!(matched(poll(&mut replies)), 3);
    assert!(poll(&mut replies).is_pending());
    assert_eq!(bench.follower.asked(), 1);
}

#[test]
fn a_reply_is_not_passed_on_while_it_could_be_taken_for_the_reply_to_a_later_request() {
    let bench = Bench::new();
    let mut replies = bench.send(vec![request(2, 0), request(2, 0), request(2, 1)]);
    assert!(poll(&mut replies).is_pending());
    assert_eq!(bench.follower.asked(), 3);
    bench.follower.answer(0, AppendEntriesResponse::Success);
    assert!(poll(&mut replies).is_pending(), "the second ends at the same entry and may never have arrived");
    bench.follower.answer(0, AppendEntriesResponse::Success);
    assert_eq!(matched(poll(&mut replies)), 2);
    assert!(poll(&mut replies).is_pending());
    bench.follower.answer(0, AppendEntriesResponse::Success);
    assert_eq!(matched(poll(&mut replies)), 3);
}

#[test]
fn a_lost_request_takes_the_reply_to_the_one_before_it_along() {
    let bench = Bench::new();
    let mut replies = bench.send(vec![request(2, 0), request(2, 0)]);
    assert!(poll(&mut replies).is_pending());
    bench.follower.answer(0, AppendEntriesResponse::Success);
    bench.follower.lose();
    assert!(matches!(poll(&mut replies), Poll::Ready(Some(Err(_)))), "only the first was heard, and the leader counts neither");
    assert!(matches!(poll(&mut replies), Poll::Ready(None)));
}

#[test]
fn a_lost_reply_ends_the_stream() {
    let bench = Bench::new();
    let mut replies = bench.send(vec![request(0, 1), request(1, 1)]);
    assert!(poll(&mut replies).is_pending());
    bench.follower.lose();
    assert!(matches!(poll(&mut replies), Poll::Ready(Some(Err(_)))));
    assert!(matches!(poll(&mut replies), Poll::Ready(None)));
    assert_eq!(bench.follower.asked(), 0);
}

#[test]
fn a_refusal_ends_the_stream_after_it_was_told() {
    let bench = Bench::new();
    let mut replies = bench.send(vec![request(5, 1), request(6, 1)]);
    assert!(poll(&mut replies).is_pending());
    bench.follower.answer(0, AppendEntriesResponse::Conflict);
    assert!(matches!(poll(&mut replies), Poll::Ready(Some(Ok(Err(_))))));
    assert!(matches!(poll(&mut replies), Poll::Ready(None)));
}
