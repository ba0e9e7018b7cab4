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

    /// The server a client agent keeps its views with: a living one, else one that failed as far as gossip knows, for gossip may be late.
    pub fn preferred(&self) -> Option<ServerEntry> {
        let servers = self.servers.load();
        let living: Vec<&ServerEntry> = servers.iter().filter(|server| server.is_alive()).collect();
        let candidates =
            if living.is_empty() { servers.iter().filter(|server| server.status == MemberStatus::Failed).collect() } else { living };
        let turn = self.turn.load(Ordering::Relaxed);
        (!candidates.is_empty()).then(|| candidates[turn % candidates.len()].clone())
    }

    /// The server a client agent asks for its clients: the one it keeps to, as long as it lives. Nobody is made wait for the failed.
    pub fn to_ask(&self) -> Option<ServerEntry> {
        self.preferred().filter(ServerEntry::is_alive)
    }

    /// Turns to the next server if the one kept to is at `addr`.
    pub fn distrust(&self, addr: SocketAddr) {
        if self.preferred().is_some_and(|server| server.addr == addr) {
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Directory, ServerEntry};
    use crate::gossip::{Doubt, Member, MemberStatus, Profile, Tags, Versions};
    use crate::model::{Datacenter, NodeId, NodeName};

    fn dc() -> Datacenter {
        Datacenter::parse("dc1").unwrap()
    }

    fn id(n: u8) -> String {
        format!("00000000-0000-0000-0000-0000000000{n:02}")
    }

    fn member(n: u8, status: MemberStatus, tags: &[(&str, &str)]) -> Member {
        let own = [("role", "consul"), ("dc", "dc1"), ("port", "8300"), ("id", &id(n))];
        let tags = own.iter().chain(tags).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let addr = format!("10.0.0.{n}:8301").parse().unwrap();
        let name = NodeName::parse(&format!("n{n}")).unwrap();
        let profile = Profile { name, addr, tags: Tags::parse(tags).unwrap(), versions: Versions::OURS };
        Member { profile: profile.into(), status, doubt: Doubt::Trusted, incarnation: 0 }
    }

    fn node(n: u8) -> NodeId {
        NodeId::parse(&id(n)).unwrap()
    }

    fn directory(members: &[Member]) -> Directory {
        let directory = Directory::new(0);
        directory.learn(members, &dc());
        directory
    }

    #[test]
    fn a_servers_tags_say_where_it_serves_and_what_it_waits_for() {
        let entry = ServerEntry::of(&member(1, MemberStatus::Alive, &[("port", "1234"), ("expect", "3")]), &dc()).unwrap();
        assert_eq!((entry.addr.to_string().as_str(), entry.expect, entry.read_replica), ("10.0.0.1:1234", 3, false));
        let alone = ServerEntry::of(&member(1, MemberStatus::Alive, &[("bootstrap", "1")]), &dc()).unwrap();
        assert_eq!(alone.expect, 1);
        let replica = ServerEntry::of(&member(1, MemberStatus::Alive, &[("nonvoter", "1")]), &dc()).unwrap();
        assert!(replica.read_replica && replica.expect == 0);
    }

    #[test]
    fn clients_strangers_and_nonsense_are_no_servers() {
        for tags in [("role", "node"), ("dc", "dc2"), ("port", "x"), ("port", "70000"), ("id", "x")] {
            assert_eq!(ServerEntry::of(&member(1, MemberStatus::Alive, &[tags]), &dc()), None, "{tags:?}");
        }
    }

    #[test]
    fn only_a_living_server_is_found_by_its_id() {
        let directory = directory(&[member(1, MemberStatus::Alive, &[]), member(2, MemberStatus::Failed, &[])]);
        assert_eq!(directory.find(node(1)).map(|server| server.addr.to_string()).as_deref(), Some("10.0.0.1:8300"));
        assert_eq!(directory.find(node(2)), None);
        assert_eq!(directory.all().len(), 2);
    }

    #[test]
    fn a_client_agent_keeps_to_a_server_until_it_distrusts_it() {
        let directory = directory(&[1, 2, 3].map(|n| member(n, MemberStatus::Alive, &[])));
        let first = directory.preferred().unwrap();
        assert_eq!(directory.preferred().unwrap(), first);
        directory.distrust("10.9.9.9:8300".parse().unwrap());
        assert_eq!(directory.preferred().unwrap(), first, "another's fault is not its own");
        directory.distrust(first.addr);
        assert_ne!(directory.preferred().unwrap(), first);
    }

    #[test]
    fn the_living_come_first_and_the_failed_before_nobody() {
        let (alive, failed) = (member(2, MemberStatus::Alive, &[]), member(1, MemberStatus::Failed, &[]));
        assert_eq!(directory(&[failed.clone(), alive]).preferred().unwrap().id, node(2));
        assert_eq!(directory(&[failed]).preferred().unwrap().id, node(1), "gossip may be late");
        assert_eq!(directory(&[member(1, MemberStatus::Left, &[])]).preferred(), None);
    }

    #[test]
    fn clients_are_made_wait_for_the_living_only() {
        let [alive, failed, left] =
            [(3, MemberStatus::Alive), (1, MemberStatus::Failed), (2, MemberStatus::Left)].map(|(n, status)| member(n, status, &[]));
        assert_eq!(directory(&[failed.clone(), left.clone(), alive]).to_ask().map(|server| server.id), Some(node(3)));
        assert_eq!(directory(&[failed, left]).to_ask(), None);
        assert_eq!(directory(&[]).to_ask(), None);
    }

    #[test]
    fn what_gossip_no_longer_knows_is_gone() {
        let directory = directory(&[member(1, MemberStatus::Alive, &[])]);
        directory.learn(&[member(2, MemberStatus::Alive, &[])], &dc());
        assert_eq!((directory.find(node(1)), directory.preferred().map(|server| server.id)), (None, Some(node(2))));
    }
}
