//! Three servers on real sockets and the real log.

use super::cluster::{SOON, server, tuning, value, write};
use super::folder::TestFolder;
use crate::model::{Datacenter, NodeId, NodeName};
use crate::raft::wal::{Options, Wal, WalStorage};
use crate::raft::{Consistency, Controls, Raft, RpcPeers, Server, Setup};
use crate::rpc::{self, Counters, Handler, Hello, Limits, Method, Pool};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, timeout};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone)]
struct Serving(Raft<Tokio>);

impl Handler for Serving {
    async fn handle(&self, _: SocketAddr, method: Method, body: Bytes) -> Result<Bytes, String> {
        self.0.handle_rpc(method, body).await
    }
}

/// A server that finds another where `moved` says, else where the configuration does.
async fn start(n: u64, listener: <Tokio as Runtime>::TcpListener, folder: &TestFolder, moved: BTreeMap<NodeId, SocketAddr>) -> Raft<Tokio> {
    let hello = Hello {
        role: rpc::Role::Server,
        datacenter: Datacenter::parse("dc1").unwrap(),
        node: NodeName::parse(&format!("server-{n}")).unwrap(),
    };
    let log = WalStorage::<Tokio>::new(Wal::open(folder.disk(), Options::default()).await.unwrap());
    let setup = Setup {
        id: NodeId::from(n),
        tuning: tuning(),
        disk: folder.disk(),
        peers: RpcPeers::new(Pool::<Tokio>::new(hello.clone(), Limits::default()), Arc::new(move |id| moved.get(&id).copied())),
        space: log.space_gauge(),
        log,
        on_fatal: Arc::new(|why: &str| panic!("{why}")),
        controls: Controls::SAFE,
    };
    let raft = Raft::open(setup).await.unwrap();
    drop(Tokio::spawn(rpc::serve::<Tokio, _>(listener, hello, Serving(raft.clone()), Limits::default(), Arc::new(Counters::default()))));
    raft
}

#[test]
fn servers_on_sockets_elect_agree_and_remember() {
    Tokio::block_on(async {
        let (mut rafts, mut servers, mut folders) = (Vec::new(), BTreeMap::new(), Vec::new());
        for n in 1..=3 {
            let listener = Tokio::tcp_listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
            servers.insert(NodeId::from(n), Server { addr: listener.local_addr().unwrap(), ..server(n) });
            let folder = TestFolder::new();
            rafts.push(start(n, listener, &folder, BTreeMap::new()).await);
            folders.push(folder);
        }
        for raft in &rafts {
            raft.bootstrap(servers.clone()).await.unwrap();
        }
        let mut leadership = rafts[0].watch_leadership();
        let leads = timeout::<Tokio, _>(SOON, leadership.wait_for(|now| now.leader.is_some())).await.unwrap().unwrap();
        let leader = rafts.iter().find(|raft| Some(raft.id()) == leads.leader.map(|hint| hint.id)).unwrap();
        // A new leader takes proposals once it has heard a quorum.
        leader.read_view(Consistency::Consistent).await.unwrap();
        let writes = (0..100).map(|i| async move { write(leader, &format!("k{i}"), "v").await.unwrap() });
        let last = futures_util::future::join_all(writes).await.into_iter().max().unwrap();
        assert!(leader.read_view(Consistency::Default).await.unwrap().index >= last);
        for raft in &rafts {
            timeout::<Tokio, _>(SOON, raft.applied(last)).await.unwrap().unwrap();
            assert_eq!(value(raft, "k99").as_deref(), Some("v"));
        }
        // Only now: who has not heard of the last commit needs the others to learn of it.
        for raft in &rafts {
            raft.shutdown().await;
        }
        drop(rafts);
        let nobody = Tokio::tcp_listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let again = start(1, nobody, &folders[0], BTreeMap::new()).await;
        assert!(again.stats().last_log_index >= last, "what was acknowledged is on the disk");
        again.shutdown().await;
    });
}

#[test]
fn servers_that_all_come_back_with_new_addresses_elect() {
    Tokio::block_on(async {
        let folders = [TestFolder::new(), TestFolder::new(), TestFolder::new()];
        let bind = || Tokio::tcp_listen(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut servers = BTreeMap::new();
        for life in 0..2 {
            let (mut listeners, mut moved) = (Vec::new(), BTreeMap::new());
            for n in 1..=3 {
                let listener = bind().await.unwrap();
                moved.insert(NodeId::from(n), listener.local_addr().unwrap());
                listeners.push((n, listener));
            }
            let mut rafts = Vec::new();
            for ((n, listener), folder) in listeners.into_iter().zip(&folders) {
                rafts.push(start(n, listener, folder, if life == 0 { BTreeMap::new() } else { moved.clone() }).await);
            }
            if life == 0 {
                servers.extend((1..=3).map(|n| (NodeId::from(n), Server { addr: moved[&NodeId::from(n)], ..server(n) })));
                rafts[0].bootstrap(servers.clone()).await.unwrap();
            }
            let mut leadership = rafts[0].watch_leadership();
            timeout::<Tokio, _>(SOON, leadership.wait_for(|now| now.leader.is_some())).await.expect("a leader").unwrap();
            for raft in rafts {
                raft.shutdown().await;
            }
        }
    });
}
