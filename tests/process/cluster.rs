//! Three servers and two clients.

use super::{Agent, LONG, Site, eventually, text};

/// Agents `n1` to `n3`, which serve, and `n4` and `n5`, which do not.
pub(super) struct Cluster {
    pub(super) servers: Vec<Agent>,
    pub(super) client: Agent,
    pub(super) other: Agent,
    // Last, so that the agents are gone before their folders.
    pub(super) site: Site,
}

impl Cluster {
    pub(super) fn formed(test: &str) -> Cluster {
        let site = Site::new(test);
        let joins: Vec<String> = (1..=3).map(|host| format!("-retry-join={}", site.address(host))).collect();
        let joins: Vec<&str> = joins.iter().map(String::as_str).collect();
        let server_flags: Vec<&str> = ["-server", "-bootstrap-expect=3"].into_iter().chain(joins.iter().copied()).collect();
        let servers: Vec<Agent> = (1..=3).map(|host| site.agent(host, &server_flags).started()).collect();
        let (client, other) = (site.agent(4, &joins).started(), site.agent(5, &joins).started());
        let cluster = Cluster { servers, client, other, site };
        let all_alive = || cluster.everyone().all(|agent| agent.json("/v1/agent/members").is_some_and(|m| alive(&m) == 5));
        eventually("all members know each other", LONG, all_alive, || cluster.said());
        eventually("the client's writes are taken", LONG, || cluster.client.put("formed", "yes"), || cluster.said());
        let voters = || cluster.client.json("/v1/operator/raft/configuration").map_or(0, |c| c["Servers"].as_array().map_or(0, Vec::len));
        eventually("three servers vote", LONG, || voters() == 3, || cluster.said());
        cluster
    }

    pub(super) fn everyone(&self) -> impl Iterator<Item = &Agent> {
        self.servers.iter().chain([&self.client, &self.other])
    }

    pub(super) fn said(&self) -> String {
        self.everyone().map(Agent::said).collect()
    }

    /// Which of the servers leads, as the first client says.
    pub(super) fn leader(&self) -> usize {
        self.leader_by(|cluster| &cluster.client)
    }

    /// Which of the servers leads.
    pub(super) fn leader_by(&self, asked: impl Fn(&Cluster) -> &Agent) -> usize {
        let mut found = None;
        let named = |agent: &Agent| {
            agent.leader().and_then(|leader| self.servers.iter().position(|s| leader.starts_with(&format!("{}:", s.address))))
        };
        let mut look = || {
            found = named(asked(self));
            found.is_some()
        };
        eventually("there is a leader", LONG, &mut look, || self.said());
        found.expect("just found")
    }
}

pub(super) fn alive(members: &serde_json::Value) -> usize {
    members.as_array().map_or(0, |list| list.iter().filter(|m| m["Status"] == 1).count())
}

#[test]
fn three_servers_and_two_clients_form_a_cluster_that_every_command_can_ask() {
    let cluster = Cluster::formed("forms");
    let done = cluster.client.command(&["kv", "put"], &["config/greeting", "hello"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    for agent in cluster.everyone() {
        let got = agent.command(&["kv", "get"], &["config/greeting"]);
        assert_eq!(text(&got.stdout).trim_end(), "hello", "{}: {}", agent.address, text(&got.stderr));
        let members = text(&agent.command(&["members"], &[]).stdout);
        assert!((1..=5).all(|host| members.contains(&format!("n{host} "))), "{members}");
        let peers = text(&agent.command(&["operator", "raft", "list-peers"], &[]).stdout);
        assert_eq!(peers.matches("leader").count(), 1, "{peers}");
        assert_eq!(peers.matches("follower").count(), 2, "{peers}");
        assert!(agent.command(&["info"], &[]).status.success());
    }
}
