//! What other servers may send, and what comes of it.

use super::cluster::{Cluster, SOON, tuning, write};
use crate::model::NodeId;
use crate::raft::snapshot::Offer;
use crate::raft::types::{Entry, LogId, Payload};
use crate::raft::wire::{self, Part, PartReply};
use crate::raft::{Raft, Types, Vote, method};
use crate::rpc::Method;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, timeout};
use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest};
use openraft::rt::watch::WatchReceiver as _;

type Append = AppendEntriesRequest<Types<Tokio>>;

fn id(term: u64, index: u64) -> LogId<Tokio> {
    LogId::<Tokio>::new_term_index(term, index)
}

fn elected(term: u64, leader: u64) -> Vote<Tokio> {
    Vote::<Tokio>::new_committed(term, NodeId::from(leader))
}

/// Entries with these ids, after `prev`, from leader 2 of term 99.
fn append(prev: Option<LogId<Tokio>>, ids: &[LogId<Tokio>]) -> Append {
    let entries = ids.iter().map(|&log_id| Entry::<Tokio> { log_id, payload: Payload::<Tokio>::Blank }).collect();
    AppendEntriesRequest { vote: elected(99, 2), prev_log_id: prev, entries, leader_commit: None }
}

fn part(vote: Vote<Tokio>, last: Option<LogId<Tokio>>) -> Part<Tokio> {
    Part { vote, offer: Offer { last, bytes: 100, sum: 0 }, offset: 0, sum: crc32fast::hash(&[]), bytes: Vec::new() }
}

async fn term(raft: &Raft<Tokio>) -> u64 {
    raft.0.core.with_raft_state(|state| state.vote_ref().leader_id.term).await.unwrap()
}

async fn refusal<T: serde::Serialize>(raft: &Raft<Tokio>, method: Method, request: &T) -> String {
    raft.handle_rpc(method, wire::request(raft.id(), request)).await.expect_err("it is refused")
}

#[test]
fn a_stopped_server_answers_every_call_with_a_text() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        raft.shutdown().await;
        let ask = VoteRequest::<Types<Tokio>>::new(Vote::<Tokio>::new(99, NodeId::from(2)), None);
        let transfer = TransferLeaderRequest::<Types<Tokio>>::new(elected(1, 2), raft.id(), None);
        let refusals = [
            refusal(raft, method::APPEND, &append(None, &[])).await,
            refusal(raft, method::VOTE, &ask).await,
            refusal(raft, method::PRE_VOTE, &ask).await,
            // Of an old leader, and of a new one.
            refusal(raft, method::SNAPSHOT, &part(elected(0, 2), None)).await,
            refusal(raft, method::SNAPSHOT, &part(elected(99, 2), Some(id(99, 1000)))).await,
            refusal(raft, method::TRANSFER, &transfer).await,
            raft.handle_rpc(method::APPEND, Bytes::from_static(b"garbage")).await.unwrap_err(),
        ];
        for text in refusals {
            assert!(text.contains("stopped"), "{text}");
        }
    });
}

#[test]
fn entries_that_do_not_follow_one_another_are_refused_and_change_nothing() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        let before = term(raft).await;
        for request in [
            append(None, &[id(99, 1)]),
            append(Some(id(1, 1)), &[id(99, 3)]),
            append(Some(id(1, 1)), &[id(99, 2), id(99, 4)]),
            append(Some(id(1, 1)), &[id(99, 2), id(99, 2)]),
            append(Some(id(2, 1)), &[id(1, 2)]),
        ] {
            let text = refusal(raft, method::APPEND, &request).await;
            assert!(text.contains("does not follow"), "{text}");
        }
        assert_eq!(term(raft).await, before);
        write(raft, "a", "1").await.expect("it leads as before");
    });
}

#[test]
fn a_leader_is_not_believed_to_hold_entries_of_later_terms_than_its_own() {
    Tokio::block_on(async {
        let mut cluster = Cluster::empty(tuning());
        cluster.start(1).await;
        let raft = cluster.raft(1);
        for text in [
            refusal(raft, method::APPEND, &append(None, &[id(99, 0), id(100, 1)])).await,
            refusal(raft, method::APPEND, &append(Some(id(100, 1)), &[])).await,
            refusal(raft, method::SNAPSHOT, &part(elected(99, 2), Some(id(100, 7)))).await,
        ] {
            assert!(text.contains("cannot hold"), "{text}");
        }
        assert_eq!(term(raft).await, 0);
    });
}

#[test]
fn nobody_makes_this_server_lead_by_claiming_that_it_was_elected() {
    Tokio::block_on(async {
        let mut cluster = Cluster::empty(tuning());
        cluster.start(1).await;
        let raft = cluster.raft(1);
        let nothing = append(None, &[]);
        for vote in [elected(99, 1), Vote::<Tokio>::new(99, NodeId::from(2))] {
            let text = refusal(raft, method::APPEND, &Append { vote, ..nothing.clone() }).await;
            assert!(text.contains("elected"), "{text}");
            let text = refusal(raft, method::SNAPSHOT, &part(vote, None)).await;
            assert!(text.contains("elected"), "{text}");
        }
        let ask = VoteRequest::<Types<Tokio>> { leadership_transfer: true, ..VoteRequest::new(elected(99, 1), None) };
        for method in [method::VOTE, method::PRE_VOTE] {
            // Past the fence or not, it is no question.
            let text = refusal(raft, method, &ask).await;
            assert!(text.contains("claims to have been won"), "{text}");
        }
        assert_eq!(term(raft).await, 0);
    });
}

#[test]
fn a_server_that_has_the_snapshot_offered_follows_the_leader_before_it_says_so() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        write(raft, "a", "1").await.unwrap();
        raft.trigger_snapshot().await.unwrap();
        let mut metrics = raft.0.core.data_metrics();
        timeout::<Tokio, _>(SOON, metrics.wait_until(|now| now.snapshot.is_some())).await.unwrap().unwrap();
        let last = raft.0.snapshots.current().and_then(|(meta, _)| meta.last_log_id);
        let offered = part(elected(99, 2), last);
        let reply = raft.handle_rpc(method::SNAPSHOT, wire::request(raft.id(), &offered)).await.unwrap();
        let PartReply::<Tokio>::Settled(vote) = wire::open_reply("part", &reply).unwrap() else { panic!("it has all of it") };
        assert_eq!(vote, elected(99, 2));
        // The leader counts this as a promise, so it must be one.
        assert_eq!(term(raft).await, 99);
        let older = part(elected(98, 3), last);
        let reply = raft.handle_rpc(method::SNAPSHOT, wire::request(raft.id(), &older)).await.unwrap();
        let PartReply::<Tokio>::Settled(vote) = wire::open_reply("part", &reply).unwrap() else { panic!("it has all of it") };
        assert_eq!(vote, elected(99, 2), "who comes late learns of the newer one");
    });
}
