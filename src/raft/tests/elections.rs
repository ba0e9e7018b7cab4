//! Elections, the vote fence, and leadership that is handed over.

use super::cluster::{Cluster, SOON, tuning, value, write};
use crate::model::NodeId;
use crate::raft::wire;
use crate::raft::{Guard, Role, TransferError, Types, Vote, method};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, timeout};
use openraft::raft::{VoteRequest, VoteResponse};

fn ask(term: u64, from: u64) -> VoteRequest<Types<Tokio>> {
    VoteRequest::new(Vote::<Tokio>::new(term, NodeId::from(from)), None)
}

#[test]
fn a_restarted_server_votes_for_nobody_while_it_may_have_promised() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(3).await;
        let follower = cluster.follower().await;
        cluster.settle().await;
        cluster.restart(follower).await;
        let raft = cluster.raft(follower);
        for method in [method::VOTE, method::PRE_VOTE] {
            let refused = raft.handle_rpc(method, wire::request(raft.id(), &ask(99, 1))).await.unwrap_err();
            assert!(refused.contains("just started"), "{refused}");
        }
        // A leader that hands over has released its voters.
        let mut handed = ask(99, 1);
        handed.leadership_transfer = true;
        assert!(raft.handle_rpc(method::VOTE, wire::request(raft.id(), &handed)).await.is_ok());
    });
}

#[test]
fn without_the_fence_a_restarted_server_votes_at_once() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let follower = cluster.follower().await;
        cluster.settle().await;
        cluster.controls.vote_fence = Guard::Off;
        let last = cluster.nodes[&follower].log.content().entries.values().next_back().map(|entry| entry.log_id);
        // Before the leader reaches it again.
        cluster.network.isolate(leader);
        cluster.restart(follower).await;
        let raft = cluster.raft(follower);
        let asked = VoteRequest::<Types<Tokio>>::new(Vote::<Tokio>::new(99, NodeId::from(leader)), last);
        let reply = raft.handle_rpc(method::VOTE, wire::request(raft.id(), &asked)).await.unwrap();
        let reply: VoteResponse<Types<Tokio>> = wire::open_reply("vote", &reply).unwrap();
        assert!(reply.vote_granted, "what the fence is there to prevent");
    });
}

#[test]
fn the_only_voter_is_not_fenced() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(1).await;
        write(cluster.raft(1), "a", "1").await.unwrap();
        cluster.restart(1).await;
        assert!(!cluster.raft(1).0.fence.stands());
        cluster.leader().await;
        assert_eq!(value(cluster.raft(1), "a").as_deref(), Some("1"));
    });
}

#[test]
fn a_cluster_whose_servers_all_restart_elects_again() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(3).await;
        write(cluster.raft(cluster.leader().await), "a", "1").await.unwrap();
        let mut disks = Vec::new();
        for n in 1..=3 {
            disks.push((n, cluster.stop(n).await));
        }
        for (n, disk) in disks {
            cluster.resume(n, disk).await;
        }
        cluster.settle().await;
        for n in 1..=3 {
            assert_eq!(value(cluster.raft(n), "a").as_deref(), Some("1"));
        }
    });
}

#[test]
fn leadership_goes_to_the_server_it_is_offered_to() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let (leader, heir) = (cluster.leader().await, cluster.follower().await);
        cluster.settle().await;
        let to = cluster.raft(leader).transfer_leadership(Some(NodeId::from(heir))).await.unwrap();
        assert_eq!(to, NodeId::from(heir));
        assert_eq!(cluster.leader().await, heir);
        assert_eq!(cluster.raft(leader).leadership().role, Role::Follower);
    });
}

#[test]
fn a_leader_is_not_offered_to_itself_nor_to_a_stranger() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        for target in [None, Some(NodeId::from(1)), Some(NodeId::from(7))] {
            assert_eq!(cluster.raft(1).transfer_leadership(target).await, Err(TransferError::NoCandidate));
        }
    });
}

#[test]
fn an_offer_that_comes_to_nothing_ends_and_the_cluster_goes_on() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let (leader, heir) = (cluster.leader().await, cluster.follower().await);
        cluster.settle().await;
        // The offer is lost and so is everything else to and from the heir; the third server hears nothing of it either.
        cluster.network.allow(method::TRANSFER, 0);
        cluster.network.isolate(heir);
        let result = cluster.raft(leader).transfer_leadership(Some(NodeId::from(heir))).await;
        assert!(!matches!(result, Ok(to) if to == NodeId::from(heir)), "{result:?}");
        let others = cluster.nodes.keys().copied().filter(|n| *n != heir).collect();
        let now = cluster.leader_among(others).await;
        write(cluster.raft(now), "a", "1").await.unwrap();
    });
}

#[test]
fn a_leader_that_gives_up_without_anyone_to_follow_can_be_elected_again() {
    Tokio::block_on(async {
        let cluster = Cluster::of(2).await;
        let (leader, heir) = (cluster.leader().await, cluster.follower().await);
        cluster.settle().await;
        cluster.network.isolate(heir);
        let result = cluster.raft(leader).transfer_leadership(Some(NodeId::from(heir))).await;
        assert_eq!(result, Err(TransferError::TimedOut { target: NodeId::from(heir) }));
        let mut leadership = cluster.raft(leader).watch_leadership();
        timeout::<Tokio, _>(SOON, leadership.wait_for(|now| !now.is_us())).await.unwrap().unwrap();
        cluster.network.heal();
        let now = cluster.leader().await;
        write(cluster.raft(now), "a", "1").await.unwrap();
    });
}

#[test]
fn a_call_meant_for_another_server_is_refused() {
    Tokio::block_on(async {
        let mut cluster = Cluster::empty(tuning());
        cluster.start(1).await;
        let refused = cluster.raft(1).handle_rpc(method::VOTE, wire::request(NodeId::from(2), &ask(1, 2))).await.unwrap_err();
        assert!(refused.contains(&NodeId::from(1).to_string()), "{refused}");
        let garbage = cluster.raft(1).handle_rpc(method::APPEND, bytes::Bytes::from_static(b"\x01garbage")).await;
        assert!(garbage.is_err());
        let unknown = cluster.raft(1).handle_rpc(crate::rpc::Method(99), bytes::Bytes::new()).await.unwrap_err();
        assert!(unknown.contains("99"), "{unknown}");
    });
}
