//! Leaving, coming back, moving, and being told things while running.

use super::cluster::{Cluster, alive};
use super::{Agent, LONG, Site, eventually, text};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn servers(agent: &Agent) -> usize {
    let configuration = agent.json("/v1/operator/raft/configuration");
    configuration.map_or(0, |c| c["Servers"].as_array().map_or(0, Vec::len))
}

#[test]
fn the_pid_file_may_lie_in_a_data_directory_that_is_not_there_yet() {
    let site = Site::new("pid");
    let file = site.folder.join("n1").join("pid");
    let mut agent = site.agent(1, &["-server", "-bootstrap-expect=1", &format!("-pid-file={}", file.display())]).started();
    eventually("it leads", LONG, || agent.put("a", "1"), || agent.said());
    let pid = agent.process.as_ref().map(std::process::Child::id);
    assert_eq!(std::fs::read_to_string(&file).ok(), pid.map(|pid| pid.to_string()));
    agent.signal(Signal::INT);
    assert_eq!(agent.ended(LONG), Some(0), "{}", agent.said());
    assert!(!file.exists(), "it is gone with its agent");
}

#[test]
fn clients_beyond_the_shells_limit_of_open_files_are_served() {
    let site = Site::new("open-files");
    let mut agent = site.agent(1, &["-server", "-bootstrap-expect=1", "-hcl=limits { http_max_conns_per_client = 0 }"]);
    agent.open_files = Some(128);
    let agent = agent.started();
    eventually("it leads", LONG, || agent.put("a", "1"), || agent.said());
    let mut clients: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(&agent.http).expect("a connection")).collect();
    for client in &mut clients {
        client.set_read_timeout(Some(LONG)).expect("a socket of ours");
        client.write_all(b"GET /v1/kv/a?raw HTTP/1.1\r\nHost: a\r\n\r\n").expect("it takes requests");
        let mut head = [0; 15];
        client.read_exact(&mut head).expect("it answers");
        assert_eq!(&head, b"HTTP/1.1 200 OK");
    }
}

#[test]
fn whoever_leaves_is_out_of_the_pool_and_the_configuration_and_ends_well() {
    let mut cluster = Cluster::formed("leave");
    let left = cluster.client.command(&["leave"], &[]);
    assert!(left.status.success(), "{}", text(&left.stderr));
    assert_eq!(cluster.client.ended(LONG), Some(0), "{}", cluster.said());
    let leader = cluster.leader_by(|cluster| &cluster.other);
    assert!(cluster.other.put("a", "1"));
    let left = cluster.servers[leader].command(&["leave"], &[]);
    assert!(left.status.success(), "the answer comes before the end: {}{}", text(&left.stderr), cluster.said());
    assert_eq!(cluster.servers[leader].ended(LONG), Some(0), "{}", cluster.said());
    eventually("writes go on", LONG, || cluster.other.put("a", "2"), || cluster.said());
    let witness = &cluster.servers[(leader + 1) % 3];
    eventually("two servers are left", LONG, || servers(witness) == 2, || cluster.said());
    eventually("three members are left", LONG, || witness.json("/v1/agent/members").is_some_and(|m| alive(&m) == 3), || cluster.said());
    let seen = text(&witness.command(&["members"], &[]).stdout);
    assert_eq!(seen.matches(" left ").count(), 2, "{seen}");
    cluster.servers[leader].start();
    eventually("it is back, for it was told whom to join", LONG, || servers(&cluster.other) == 3, || cluster.said());
}

#[test]
fn a_failed_member_can_be_declared_gone() {
    let mut cluster = Cluster::formed("force-leave");
    cluster.client.kill();
    let listed =
        |word: &str| text(&cluster.other.command(&["members"], &[]).stdout).lines().any(|l| l.starts_with("n4 ") && l.contains(word));
    let took = eventually("it is found to have failed", LONG, || listed(" failed "), || cluster.said());
    println!("a killed member was found to have failed after {took:?}");
    let forced = cluster.other.command(&["force-leave"], &["n4"]);
    assert!(forced.status.success(), "{}", text(&forced.stderr));
    eventually("it has left", LONG, || listed(" left "), || cluster.said());
    let unknown = cluster.other.command(&["force-leave"], &["nobody"]);
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("nobody"), "{}", text(&unknown.stderr));
}

#[test]
fn a_whole_cluster_that_restarts_keeps_its_data_even_at_new_addresses() {
    let mut cluster = Cluster::formed("restart");
    for n in 0..20 {
        assert!(cluster.client.put(&format!("k{n}"), &n.to_string()), "{}", cluster.said());
    }
    let kept = |agent: &Agent| (0..20).all(|n: u32| agent.value(&format!("k{n}")) == Some(n.to_string()));
    cluster.servers.iter_mut().for_each(Agent::kill);
    cluster.servers.iter_mut().for_each(Agent::start);
    eventually("it is all there", LONG, || kept(&cluster.servers[0]), || cluster.said());
    cluster.servers.iter_mut().for_each(Agent::kill);
    let joins: Vec<String> = (11..=13).map(|host| format!("-retry-join={}", cluster.site.address(host))).collect();
    for (host, server) in (1..).zip(&mut cluster.servers) {
        let data = cluster.site.folder.join(format!("n{host}"));
        let own = [format!("-node=n{host}"), format!("-data-dir={}", data.display()), "-server".to_owned()];
        let flags: Vec<&str> = own.iter().chain(&joins).map(String::as_str).collect();
        *server = cluster.site.agent(host + 10, &flags).started();
    }
    let took = eventually("it is all there at the new addresses", LONG, || kept(&cluster.servers[0]), || cluster.said());
    println!("servers that all moved served again after {took:?}");
    assert!(cluster.servers[1].put("after", "the move"), "{}", cluster.said());
}

#[test]
fn signals_reload_and_stop_an_agent_and_it_says_so() {
    let site = Site::new("signals");
    let file = site.folder.join("a.json");
    std::fs::write(&file, r#"{"log_level": "info"}"#).expect("written");
    let mut agent = site.agent(1, &["-server", "-bootstrap-expect=1", &format!("-config-file={}", file.display())]).started();
    eventually("it takes writes", LONG, || agent.put("a", "1"), || agent.said());
    std::fs::write(&file, r#"{"log_level": "debug"}"#).expect("written");
    agent.signal(Signal::HUP);
    eventually("it has read its configuration again", LONG, || agent.said().contains("log_level=\"debug\""), || agent.said());
    std::fs::write(&file, r#"{"log_levle": "info"}"#).expect("written");
    agent.signal(Signal::HUP);
    eventually("it names the mistake and goes on", LONG, || agent.said().contains("log_levle"), || agent.said());
    agent.signal(Signal::PIPE);
    assert_eq!(agent.value("a").as_deref(), Some("1"));
    assert!(agent.is_running());
    agent.signal(Signal::TERM);
    assert_eq!(agent.ended(LONG), Some(0), "{}", agent.said());
}

#[test]
fn an_agent_can_be_stopped_while_it_starts() {
    let site = Site::new("early");
    // Whoever is joined takes the call and says nothing.
    let address = format!("{}:8301", site.address(9));
    let listener = std::net::TcpListener::bind(&address).expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let mut agent = site.agent(1, &["-server", &format!("-join={address}")]).started();
    let mut silent = None;
    let mut asked = || {
        silent = listener.accept().ok();
        silent.is_some()
    };
    eventually("it asks to join", LONG, &mut asked, || agent.said());
    agent.signal(Signal::TERM);
    assert_eq!(agent.ended(LONG), Some(0), "{}", agent.said());
    assert!(agent.said().contains("before it served"), "{}", agent.said());
    drop(silent);
}

#[test]
fn an_agent_that_may_not_go_on_trying_to_join_ends_badly() {
    let site = Site::new("retry-max");
    let nobody = format!("-retry-join={}", site.address(9));
    let mut agent = site.agent(1, &[&nobody, "-retry-max=2", "-retry-interval=1s"]).started();
    assert_eq!(agent.ended(LONG + Duration::from_secs(20)), Some(1), "{}", agent.said());
    assert!(agent.said().contains("retry_max"), "{}", agent.said());
}
