//! Servers, the network between them, and the waits a test needs.

use super::folder::TestFolder;
use super::memory_log::MemoryLog;
use crate::config::RaftTuning;
use crate::model::{Index, Key, NodeId, NodeName};
use crate::raft::{Consistency, Controls, PeerError, Peers, ProposeError, Raft, Server, Setup, Space};
use crate::rpc::Method;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Elapsed, timeout};
use crate::state::{Command, Condition, KvCommand, Reply};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Nothing in these tests takes as long unless it is broken.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// The address of server `n`.
pub(super) fn addr(n: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8000 + n as u16))
}

/// Server `n` as the membership knows it.
pub(super) fn server(n: u64) -> Server {
    Server { name: NodeName::parse(&format!("server-{n}")).unwrap(), addr: addr(n) }
}

/// Timing that a loaded machine keeps.
pub(super) fn tuning() -> RaftTuning {
    RaftTuning { multiplier: 10, snapshot_threshold: 8192, snapshot_interval: Duration::from_secs(3600), trailing_logs: 10 }
}

#[derive(Default)]
struct Wires {
    servers: BTreeMap<SocketAddr, Raft<Tokio>>,
    cut: BTreeSet<(SocketAddr, SocketAddr)>,
    calls: Vec<(SocketAddr, SocketAddr, Method)>,
    /// Calls of this method that still go through before the rest of them are lost.
    allowance: BTreeMap<Method, usize>,
}

/// The network. Cut links lose calls at once, as an unreachable address does.
#[derive(Clone, Default)]
pub(super) struct Network(Arc<Mutex<Wires>>);

impl Network {
    /// The way of server `n` into it.
    pub(super) fn wire(&self, n: u64) -> Wire {
        Wire { from: addr(n), network: self.clone() }
    }

    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().unwrap()
    }

    /// Cuts server `n` off from all others, both ways.
    pub(super) fn isolate(&self, n: u64) {
        for other in (1..10).filter(|other| *other != n) {
            self.wires().cut.extend([(addr(n), addr(other)), (addr(other), addr(n))]);
        }
    }

    /// Repairs everything.
    pub(super) fn heal(&self) {
        let mut wires = self.wires();
        wires.cut.clear();
        wires.allowance.clear();
    }

    /// Lets `calls` more calls of `method` through, then loses them.
    pub(super) fn allow(&self, method: Method, calls: usize) {
        self.wires().allowance.insert(method, calls);
    }

    /// How often `method` was called.
    pub(super) fn count(&self, method: Method) -> usize {
        self.wires().calls.iter().filter(|(_, _, called)| *called == method).count()
    }
}

/// One server's way into the network.
#[derive(Clone)]
pub(super) struct Wire {
    from: SocketAddr,
    network: Network,
}

impl Peers for Wire {
    async fn call(&self, _: NodeId, to: SocketAddr, method: Method, body: Bytes, patience: Duration) -> Result<Bytes, PeerError> {
        let target = {
            let mut wires = self.network.wires();
            if wires.cut.contains(&(self.from, to)) {
                return Err(PeerError::Unreachable("cut".to_owned()));
            }
            if let Some(left) = wires.allowance.get_mut(&method) {
                if *left == 0 {
                    return Err(PeerError::Silent("lost".to_owned()));
                }
                *left -= 1;
            }
            wires.calls.push((self.from, to, method));
            wires.servers.get(&to).cloned()
        };
        let target = target.ok_or_else(|| PeerError::Unreachable("nobody there".to_owned()))?;
        match timeout::<Tokio, _>(patience, target.handle_rpc(method, body)).await {
            Ok(Ok(reply)) if !self.network.wires().cut.contains(&(to, self.from)) => Ok(reply),
            Ok(Ok(_)) => Err(PeerError::Silent("the reply was lost".to_owned())),
            Ok(Err(text)) => Err(PeerError::Refused(text)),
            Err(Elapsed) => Err(PeerError::Silent("no reply in time".to_owned())),
        }
    }
}

/// A server with its disk.
pub(super) struct Node {
    pub(super) n: u64,
    pub(super) folder: TestFolder,
    pub(super) log: MemoryLog,
    pub(super) raft: Raft<Tokio>,
    pub(super) space: Arc<Mutex<Space>>,
    pub(super) fatal: Arc<Mutex<Vec<String>>>,
}

/// Servers on one network.
pub(super) struct Cluster {
    pub(super) network: Network,
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) tuning: RaftTuning,
    pub(super) controls: Controls,
}

impl Cluster {
    /// No server yet.
    pub(super) fn empty(tuning: RaftTuning) -> Cluster {
        Cluster { network: Network::default(), nodes: BTreeMap::new(), tuning, controls: Controls::SAFE }
    }

    /// `count` servers that form a cluster and have a leader.
    pub(super) async fn of(count: u64) -> Cluster {
        Cluster::tuned(count, tuning()).await
    }

    /// The same with other bounds.
    pub(super) async fn tuned(count: u64, tuning: RaftTuning) -> Cluster {
        let mut cluster = Cluster::empty(tuning);
        let servers: BTreeMap<NodeId, Server> = (1..=count).map(|n| (NodeId::from(n), server(n))).collect();
        for n in 1..=count {
            cluster.start(n).await;
        }
        for node in cluster.nodes.values() {
            node.raft.bootstrap(servers.clone()).await.unwrap();
        }
        cluster.leader().await;
        cluster
    }

    /// Starts a server with an empty disk.
    pub(super) async fn start(&mut self, n: u64) {
        self.start_on(n, TestFolder::new(), MemoryLog::default()).await;
    }

    async fn start_on(&mut self, n: u64, folder: TestFolder, log: MemoryLog) {
        let (space, fatal) = (Arc::new(Mutex::new(Space::Enough)), Arc::new(Mutex::new(Vec::new())));
        let (gauge, heard) = (space.clone(), fatal.clone());
        let setup = Setup {
            id: NodeId::from(n),
            tuning: self.tuning.clone(),
            disk: folder.disk(),
            log: log.clone(),
            peers: self.network.wire(n),
            space: Arc::new(move || *gauge.lock().unwrap()),
            on_fatal: Arc::new(move |why: &str| heard.lock().unwrap().push(why.to_owned())),
            controls: self.controls,
        };
        let raft = Raft::<Tokio>::open(setup).await.unwrap();
        self.network.wires().servers.insert(addr(n), raft.clone());
        self.nodes.insert(n, Node { n, folder, log, raft, space, fatal });
    }

    /// Stops a server; its disk stays.
    pub(super) async fn stop(&mut self, n: u64) -> (TestFolder, MemoryLog) {
        let node = self.nodes.remove(&n).unwrap();
        self.network.wires().servers.remove(&addr(n));
        node.raft.shutdown().await;
        (node.folder, node.log)
    }

    /// Stops a server and starts it again on its disk.
    pub(super) async fn restart(&mut self, n: u64) {
        let (folder, log) = self.stop(n).await;
        self.start_on(n, folder, log).await;
    }

    /// Starts a stopped server again.
    pub(super) async fn resume(&mut self, n: u64, (folder, log): (TestFolder, MemoryLog)) {
        self.start_on(n, folder, log).await;
    }

    /// The handle of server `n`.
    pub(super) fn raft(&self, n: u64) -> &Raft<Tokio> {
        &self.nodes[&n].raft
    }

    /// The number of the leader, once one answers a linearizable read.
    pub(super) async fn leader(&self) -> u64 {
        self.leader_among(self.nodes.keys().copied().collect()).await
    }

    /// The leader, if it must be one of these.
    pub(super) async fn leader_among(&self, some: Vec<u64>) -> u64 {
        let search = async {
            loop {
                for n in &some {
                    if self.raft(*n).leadership().is_us() && self.raft(*n).read_view(Consistency::Consistent).await.is_ok() {
                        return *n;
                    }
                }
                self.a_change_of_leadership(&some).await;
            }
        };
        timeout::<Tokio, _>(SOON, search).await.expect("there is a leader before long")
    }

    async fn a_change_of_leadership(&self, some: &[u64]) {
        let mut watches: Vec<_> = some.iter().map(|n| self.raft(*n).watch_leadership()).collect();
        let changes = watches.iter_mut().map(|watch| Box::pin(watch.changed()));
        // A leader that has not proved itself yet changes nothing that could be watched.
        let _ = timeout::<Tokio, _>(Duration::from_millis(50), futures_util::future::select_all(changes)).await;
    }

    /// Some server that does not lead.
    pub(super) async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        *self.nodes.keys().find(|n| **n != leader).unwrap()
    }

    /// Waits until all servers have applied what the leader has.
    pub(super) async fn settle(&self) -> Index {
        let leader = self.leader().await;
        let index = self.raft(leader).view().index;
        for node in self.nodes.values() {
            timeout::<Tokio, _>(SOON, node.raft.applied(index)).await.expect("every server catches up").unwrap();
        }
        index
    }
}

/// A write of `value` to `key`.
pub(super) fn put(key: &str, value: &str) -> Command {
    let (key, value) = (Key::new(key.as_bytes()), Bytes::copy_from_slice(value.as_bytes()));
    Command::Kv(KvCommand::Put { key, value, flags: 0, condition: Condition::Always })
}

/// What `raft`'s newest view has at `key`.
pub(super) fn value(raft: &Raft<Tokio>, key: &str) -> Option<String> {
    raft.view().state.kv().get(key.as_bytes()).map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
}

/// Writes and checks that it took effect.
pub(super) async fn write(raft: &Raft<Tokio>, key: &str, value: &str) -> Result<Index, ProposeError> {
    let (index, reply) = raft.propose(put(key, value)).await?;
    assert_eq!(reply, Reply::Took(true));
    Ok(index)
}
