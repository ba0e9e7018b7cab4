//! The servers of the datacenter, as gossip tells of them.

use crate::gossip::{Member, MemberStatus};
use crate::model::{Datacenter, NodeId, NodeName};
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server, from its gossip tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerEntry {
    pub id: NodeId,
    pub name: NodeName,
    /// Its RPC.
    pub addr: SocketAddr,
    pub status: MemberStatus,
    /// How many servers it waits for before the first election; 0 if it waits to be added.
    pub expect: u32,
    /// It never votes.
    pub read_replica: bool,
}

impl ServerEntry {
    /// What a member says of itself; `None` if it is no server of `datacenter` or does not make sense.
    pub fn of(member: &Member, datacenter: &Datacenter) -> Option<ServerEntry> {
        let tag = |key| member.tag(key);
        if tag("role") != Some("consul") || tag("dc") != Some(datacenter.as_str()) {
            return None;
        }
        let port = tag("port")?.parse::<u16>().ok()?;
        let expect = match tag("bootstrap") {
            Some("1") => 1,
            _ => tag("expect").and_then(|n| n.parse().ok()).unwrap_or(0),
        };
        Some(ServerEntry {
            id: NodeId::parse(tag("id")?).ok()?,
            name: member.name().clone(),
            addr: SocketAddr::new(member.addr().ip(), port),
            status: member.status,
            expect,
            read_replica: tag("read_replica") == Some("1") || tag("nonvoter") == Some("1"),
        })
    }

    pub fn is_alive(&self) -> bool {
        self.status == MemberStatus::Alive
    }
}

/// All of them, replaced as a whole when gossip has news.
#[derive(Debug, Default)]
pub(super) struct Directory {
    servers: ArcSwap<Vec<ServerEntry>>,
    /// Which of the living a client agent keeps to; taken modulo their number.
    turn: AtomicUsize,
}

impl Directory {
    /// An empty one whose client agent will keep to a server drawn by `chance`.
    pub fn new(chance: u64) -> Directory {
        Directory { servers: ArcSwap::default(), turn: AtomicUsize::new((chance >> 32) as usize) }
    }

    /// Takes over what gossip knows now.
    pub fn learn(&self, members: &[Member], datacenter: &Datacenter) {
        let servers: Vec<ServerEntry> = members.iter().filter_map(|member| ServerEntry::of(member, datacenter)).collect();
        self.servers.store(Arc::new(servers));
    }

    /// Every server known, failed and left ones too, by name.
    pub fn all(&self) -> Arc<Vec<ServerEntry>> {
        self.servers.load_full()
    }

    pub fn find(&self, id: NodeId) -> Option<ServerEntry> {
        self.servers.load().iter().find(|server| server.id == id && server.is_alive()).cloned()
    }

    /// The server a client agent keeps to: a living one, else one that failed as far as gossip knows, for gossip may be late.
    pub fn preferred(&self) -> Option<ServerEntry> {
        let servers = self.servers.load();
        let living: Vec<&ServerEntry> = servers.iter().filter(|server| server.is_alive()).collect();
        let candidates =
            if living.is_empty() { servers.iter().filter(|server| server.status == MemberStatus::Failed).collect() } else { living };
        let turn = self.turn.load(Ordering::Relaxed);
        (!candidates.is_empty()).then(|| candidates[turn % candidates.len()].clone())
    }

    /// Turns to the next server if the one kept to is at `addr`.
    pub fn distrust(&self, addr: SocketAddr) {
        if self.preferred().is_some_and(|server| server.addr == addr) {
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
    }
}
