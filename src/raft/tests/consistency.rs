//! What proposals and reads promise.

use super::cluster::{Cluster, SOON, put, tuning, value, write};
use crate::model::{Key, NodeId, Topic};
use crate::raft::{Consistency, Guard, ProposeError, ReadError, Retry, Role, Space, method};
use crate::runtime::Runtime;
use crate::runtime::timeout;
use crate::runtime::tokio::Tokio;
use std::time::Duration;

#[test]
fn a_server_alone_leads_and_applies_what_is_proposed() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        let index = write(raft, "a", "1").await.unwrap();
        assert_eq!(value(raft, "a").as_deref(), Some("1"));
        assert_eq!(raft.view().index, index);
        assert_eq!(raft.leadership().role, Role::Leader);
        assert_eq!(raft.last_contact(), Some(Duration::ZERO));
    });
}

#[test]
fn a_leader_that_is_cut_off_says_for_how_long_it_has_not_heard_a_quorum() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let raft = cluster.raft(leader);
        write(raft, "a", "1").await.unwrap();
        assert_eq!(raft.last_contact(), Some(Duration::ZERO));
        cluster.network.isolate(leader);
        let grows = async {
            while !(raft.leadership().is_us() && raft.last_contact() > Some(Duration::ZERO)) {
                crate::runtime::sleep::<Tokio>(Duration::from_millis(20)).await;
            }
        };
        timeout::<Tokio, _>(SOON, grows).await.expect("its silence is told");
    });
}

#[test]
fn what_is_acknowledged_reaches_every_server() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let writes = (0..200).map(|i| {
            let raft = cluster.raft(leader).clone();
            async move { write(&raft, &format!("k{i}"), "v").await.unwrap() }
        });
        let mut indexes = futures_util::future::join_all(writes).await;
        indexes.sort_unstable();
        indexes.dedup();
        assert_eq!(indexes.len(), 200, "every command has an entry of its own");
        cluster.settle().await;
        let reference = cluster.raft(leader).view();
        for node in cluster.nodes.values() {
            assert_eq!(*node.raft.view(), *reference, "server {}", node.n);
        }
    });
}

#[test]
fn a_read_on_the_leader_sees_what_was_acknowledged_before_it() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let raft = cluster.raft(cluster.leader().await);
        for round in 0..20 {
            let index = write(raft, "a", &round.to_string()).await.unwrap();
            for consistency in [Consistency::Default, Consistency::Consistent] {
                let view = raft.read_view(consistency).await.unwrap();
                assert!(view.index >= index);
            }
        }
    });
}

#[test]
fn a_default_read_under_the_lease_asks_no_other_server() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        write(cluster.raft(leader), "a", "1").await.unwrap();
        let before = cluster.network.count(method::APPEND);
        for _ in 0..1000 {
            cluster.raft(leader).read_view(Consistency::Default).await.unwrap();
        }
        let heartbeats = cluster.network.count(method::APPEND) - before;
        assert!(heartbeats < 500, "{heartbeats} calls for 1000 reads");
        let before = cluster.network.count(method::APPEND);
        cluster.raft(leader).read_view(Consistency::Consistent).await.unwrap();
        assert!(cluster.network.count(method::APPEND) > before, "a consistent read asks a quorum");
    });
}

#[test]
fn a_follower_says_who_leads() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let (leader, follower) = (cluster.leader().await, cluster.follower().await);
        cluster.settle().await;
        let refused = cluster.raft(follower).propose(put("a", "1")).await.unwrap_err();
        let ProposeError::NotLeader { leader: Some(hint) } = refused else { panic!("{refused:?}") };
        assert_eq!(hint.id, NodeId::from(leader));
        assert_eq!(refused.retry(), Retry::At(hint));
        let refused = cluster.raft(follower).read_view(Consistency::Default).await.unwrap_err();
        assert_eq!(refused, ReadError::NotLeader { leader: Some(hint) });
    });
}

#[test]
fn a_leader_cut_off_answers_no_read_and_takes_no_proposal_once_its_lease_is_over() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let old = cluster.leader().await;
        cluster.settle().await;
        cluster.network.isolate(old);
        let others = cluster.nodes.keys().copied().filter(|n| *n != old).collect();
        let new = cluster.leader_among(others).await;
        write(cluster.raft(new), "a", "new").await.unwrap();
        // The others have elected, so the lease is over.
        let refused = cluster.raft(old).read_view(Consistency::Default).await.unwrap_err();
        assert_eq!(refused, ReadError::Unsettled);
        assert_eq!(refused.retry(), Retry::Soon);
        assert_eq!(cluster.raft(old).propose(put("a", "old")).await.unwrap_err(), ProposeError::Unsettled);
        assert_eq!(value(cluster.raft(old), "a"), None, "a view is as old as it says");
        cluster.network.heal();
        cluster.settle().await;
        assert_eq!(value(cluster.raft(old), "a").as_deref(), Some("new"));
    });
}

#[test]
fn without_proof_of_leadership_a_deposed_leader_answers_stale() {
    Tokio::block_on(async {
        let mut cluster = Cluster::empty(tuning());
        cluster.controls.read_proof = Guard::Off;
        cluster.start(1).await;
        assert!(cluster.raft(1).read_view(Consistency::Default).await.is_ok(), "the planted fault is there to be caught");
    });
}

#[test]
fn a_wait_ends_with_a_change_to_what_was_asked() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        let seen = write(raft, "a", "1").await.unwrap();
        let mut wait = Box::pin(raft.changed(vec![Topic::Key(Key::new(b"a"))], seen));
        assert!(futures_util::poll!(&mut wait).is_pending());
        write(raft, "b", "1").await.unwrap();
        assert!(futures_util::poll!(&mut wait).is_pending());
        write(raft, "a", "2").await.unwrap();
        timeout::<Tokio, _>(SOON, wait).await.unwrap().unwrap();
        assert_eq!(value(raft, "a").as_deref(), Some("2"));
    });
}

#[test]
fn a_full_disk_refuses_proposals_and_goes_on_reading() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let raft = cluster.raft(1);
        write(raft, "a", "1").await.unwrap();
        *cluster.nodes[&1].space.lock().unwrap() = Space::Short;
        assert_eq!(raft.propose(put("a", "2")).await.unwrap_err(), ProposeError::NoSpace);
        assert!(raft.read_view(Consistency::Default).await.is_ok());
        *cluster.nodes[&1].space.lock().unwrap() = Space::Enough;
        write(raft, "a", "3").await.unwrap();
    });
}

#[test]
fn a_leader_without_space_hands_over() {
    Tokio::block_on(async {
        let cluster = Cluster::of(3).await;
        let full = cluster.leader().await;
        cluster.settle().await;
        *cluster.nodes[&full].space.lock().unwrap() = Space::Short;
        assert_eq!(cluster.raft(full).propose(put("a", "1")).await.unwrap_err(), ProposeError::NoSpace);
        let others = cluster.nodes.keys().copied().filter(|n| *n != full).collect();
        let new = cluster.leader_among(others).await;
        write(cluster.raft(new), "a", "1").await.unwrap();
    });
}
