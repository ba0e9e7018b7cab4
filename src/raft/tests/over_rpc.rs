//! Three servers on real sockets.

use super::cluster::{SOON, server, tuning, value, write};
use super::folder::TestFolder;
use super::memory_log::MemoryLog;
use crate::model::{Datacenter, NodeId, NodeName};
use crate::raft::{Consistency, Controls, Raft, RpcPeers, Server, Setup, Space};
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

async fn start(n: u64, listener: <Tokio as Runtime>::TcpListener, folder: &TestFolder) -> Raft<Tokio> {
    let hello = Hello {
        role: rpc::Role::Server,
        datacenter: Datacenter::parse("dc1").unwrap(),
        node: NodeName::parse(&format!("server-{n}")).unwrap(),
    };
    let setup = Setup {
        id: NodeId::from(n),
        tuning: tuning(),
        disk: folder.disk(),
        log: MemoryLog::default(),
        peers: RpcPeers::new(Pool::<Tokio>::new(hello.clone(), Limits::default())),
        space: Arc::new(|| Space::Enough),
        on_fatal: Arc::new(|why: &str| panic!("{why}")),
        controls: Controls::SAFE,
    };
    let raft = Raft::open(setup).await.unwrap();
    drop(Tokio::spawn(rpc::serve::<Tokio, _>(listener, hello, Serving(raft.clone()), Limits::default(), Arc::new(Counters::default()))));
    raft
}

#[test]
fn servers_on_sockets_elect_and_agree() {
    Tokio::block_on(async {
        let (mut rafts, mut servers, mut folders) = (Vec::new(), BTreeMap::new(), Vec::new());
        for n in 1..=3 {
            let listener = Tokio::tcp_listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
            servers.insert(NodeId::from(n), Server { addr: listener.local_addr().unwrap(), ..server(n) });
            let folder = TestFolder::new();
            rafts.push(start(n, listener, &folder).await);
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
            raft.shutdown().await;
        }
    });
}
