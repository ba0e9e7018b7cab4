//! Servers that come, vote and go.

use super::cluster::{Cluster, SOON, server, tuning, value, write};
use crate::model::NodeId;
use crate::raft::{BootstrapError, ChangeError, Role, Server, Suffrage, method};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, sleep, timeout};
use std::collections::BTreeMap;

#[test]
fn a_server_is_added_without_a_vote_and_then_given_one() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(1).await;
        let index = write(cluster.raft(1), "a", "1").await.unwrap();
        cluster.start(2).await;
        cluster.raft(1).add_server(NodeId::from(2), server(2)).await.unwrap();
        timeout::<Tokio, _>(SOON, cluster.raft(2).applied(index)).await.unwrap().unwrap();
        assert_eq!(value(cluster.raft(2), "a").as_deref(), Some("1"));
        assert_eq!(cluster.raft(2).leadership().role, Role::NonVoter);
        let configuration = cluster.raft(1).configuration();
        assert_eq!(configuration.servers[&NodeId::from(2)].suffrage, Suffrage::NonVoter);
        assert_eq!(configuration.voters(), 1);
        cluster.raft(1).promote(NodeId::from(2)).await.unwrap();
        assert_eq!(cluster.raft(1).configuration().voters(), 2);
        cluster.settle().await;
        let counted = async {
            while cluster.raft(1).peers()[&NodeId::from(2)].matched.is_none() {
                sleep::<Tokio>(tuning().heartbeat()).await;
            }
        };
        timeout::<Tokio, _>(SOON, counted).await.expect("the leader knows how far it is");
        cluster.raft(1).demote(NodeId::from(2)).await.unwrap();
        assert_eq!(cluster.raft(1).configuration().servers[&NodeId::from(2)].suffrage, Suffrage::NonVoter);
        cluster.raft(1).remove_server(NodeId::from(2)).await.unwrap();
        assert_eq!(cluster.raft(1).configuration().servers.len(), 1);
    });
}

#[test]
fn a_leader_who_was_alone_sends_heartbeats_as_soon_as_there_is_somebody_to_hear_them() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(1).await;
        write(cluster.raft(1), "a", "1").await.unwrap();
        cluster.start(2).await;
        cluster.raft(1).add_server(NodeId::from(2), server(2)).await.unwrap();
        cluster.settle().await;
        // Nothing is written any more: what is appended now says that the leader is there.
        let before = cluster.network.count(method::APPEND);
        let heard = async {
            while cluster.network.count(method::APPEND) < before + 5 {
                sleep::<Tokio>(tuning().heartbeat()).await;
            }
        };
        timeout::<Tokio, _>(SOON, heard).await.expect("heartbeats");
    });
}

#[test]
fn a_server_that_moved_gets_its_new_address_and_one_that_did_not_changes_nothing() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        raft.add_server(NodeId::from(2), server(2)).await.unwrap();
        let index = raft.configuration().index;
        assert_eq!(raft.add_server(NodeId::from(2), server(2)).await, Ok(index));
        let moved = Server { addr: server(5).addr, ..server(2) };
        assert!(raft.add_server(NodeId::from(2), moved.clone()).await.unwrap() > index);
        assert_eq!(raft.configuration().servers[&NodeId::from(2)].server, moved);
    });
}

#[test]
fn a_voter_that_is_removed_counts_no_more() {
    Tokio::block_on(async {
        let mut cluster = Cluster::of(3).await;
        let (leader, gone) = (cluster.leader().await, cluster.follower().await);
        cluster.settle().await;
        drop(cluster.stop(gone).await);
        cluster.raft(leader).remove_server(NodeId::from(gone)).await.unwrap();
        assert_eq!(cluster.raft(leader).configuration().voters(), 2);
        write(cluster.raft(leader), "a", "1").await.unwrap();
    });
}

#[test]
fn a_leader_that_removes_itself_hands_over() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        cluster.raft(leader).remove_server(NodeId::from(leader)).await.unwrap();
        let others = cluster.nodes.keys().copied().filter(|n| *n != leader).collect();
        let now = cluster.leader_among(others).await;
        write(cluster.raft(now), "a", "1").await.unwrap();
        assert_eq!(cluster.raft(now).configuration().servers.len(), 2);
    });
}

#[test]
fn a_change_that_makes_no_sense_is_refused_by_name() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        let stranger = NodeId::from(9);
        assert_eq!(raft.promote(stranger).await, Err(ChangeError::NoSuchServer { id: stranger }));
        assert_eq!(raft.remove_server(stranger).await, Err(ChangeError::NoSuchServer { id: stranger }));
        assert!(matches!(raft.remove_server(NodeId::from(1)).await, Err(ChangeError::Refused(_))), "the last voter stays");
        let again = raft.bootstrap(BTreeMap::from([(NodeId::from(1), server(1))])).await;
        assert_eq!(again, Err(BootstrapError::AlreadyMember));
    });
}

#[test]
fn a_cluster_is_not_formed_without_the_server_that_forms_it() {
    Tokio::block_on(async {
        let mut cluster = Cluster::empty(tuning());
        cluster.start(1).await;
        let without = BTreeMap::from([(NodeId::from(2), server(2))]);
        assert_eq!(cluster.raft(1).bootstrap(without).await, Err(BootstrapError::NotIncluded { id: NodeId::from(1) }));
        assert_eq!(cluster.raft(1).is_bootstrapped().await, Ok(false));
    });
}
