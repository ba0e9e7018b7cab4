//! An agent that cannot do what it is told does not start, and says what to do.

use super::{Agent, LONG, Site, eventually, is_file, muster, text};
use std::fs;

/// What an agent says that ends by itself; it must not end well.
fn refusal(agent: &Agent) -> String {
    let output = muster().arg("agent").args(&agent.flags).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1), "{:?}: {}", agent.flags, text(&output.stderr));
    text(&output.stderr) + &text(&output.stdout)
}

fn assert_says(said: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| said.contains(part)), "expected {parts:?} in:\n{said}");
}

#[test]
fn an_unknown_flag_or_key_is_named_with_the_nearest() {
    let site = Site::new("unknown");
    assert_says(&refusal(&site.agent(1, &["-retry-joim=x"])), &["retry-joim", "retry-join"]);
    let file = site.folder.join("a.json");
    fs::write(&file, r#"{"datacentre": "dc1"}"#).expect("written");
    assert_says(&refusal(&site.agent(1, &[&format!("-config-file={}", file.display())])), &["datacentre", "datacenter"]);
}

#[test]
fn protection_that_is_not_built_refuses_the_start_by_name() {
    let site = Site::new("protection");
    for (key, json) in [
        ("acl.enabled", r#"{"acl": {"enabled": true}}"#),
        ("encrypt", r#"{"encrypt": "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="}"#),
        ("verify_incoming", r#"{"verify_incoming": true}"#),
        ("ca_file", r#"{"ca_file": "/tmp/ca.pem"}"#),
        ("cert_file", r#"{"cert_file": "/tmp/cert.pem", "ports": {"https": 8501}}"#),
    ] {
        let file = site.folder.join("a.json");
        fs::write(&file, json).expect("written");
        assert_says(&refusal(&site.agent(1, &["-server", &format!("-config-file={}", file.display())])), &[key]);
    }
}

#[test]
fn a_port_or_folder_in_use_is_named() {
    let site = Site::new("in-use");
    let running = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    eventually("it takes writes", LONG, || running.put("a", "1"), || running.said());
    let mut same_folder = site.agent(2, &["-server"]);
    same_folder.flags.push(running.flags.iter().find(|flag| flag.starts_with("-data-dir")).expect("a folder").clone());
    assert_says(&refusal(&same_folder), &["n1", "use"]);
    let mut same_port = site.agent(1, &["-server"]);
    same_port.flags.push(format!("-data-dir={}", site.folder.join("other").display()));
    assert_says(&refusal(&same_port), &[":8300", "-server-port"]);
    for (flags, told) in
        [(&["-bind", "9", "-client", "1"], [":8500", "-http-port"]), (&["-bind", "1", "-client", "9"], [":8301", "-serf-lan-port"])]
    {
        let mut other = site.agent(9, &[]);
        other.flags.extend([format!("{}={}", flags[0], site.address(flags[1].parse().unwrap()))]);
        other.flags.extend([format!("{}={}", flags[2], site.address(flags[3].parse().unwrap()))]);
        assert_says(&refusal(&other), &told);
    }
    assert_eq!(running.value("a").as_deref(), Some("1"));
}

/// Every byte that was durable counts: one changed in the middle of the log is damage and not a torn tail.
#[test]
fn a_log_damaged_in_the_middle_refuses_the_start_and_names_file_and_offset() {
    let site = Site::new("damage");
    let mut agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    for n in 0..40 {
        eventually("writes are taken", LONG, || agent.put(&format!("k{n}"), "some value to find again"), || agent.said());
    }
    agent.kill();
    let mut segments = Vec::new();
    find_segments(&site.folder.join("n1"), &mut segments);
    segments.sort();
    let file = segments.first().expect("a segment of the log");
    let mut bytes = fs::read(file).expect("readable");
    let at = bytes.windows(5).position(|window| window == b"value").expect("an early entry");
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("written");
    let name = file.file_name().expect("a file").to_string_lossy().into_owned();
    assert_says(&refusal(&agent), &[&name, "offset"]);
}

fn find_segments(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for path in fs::read_dir(folder).expect("a folder").map(|e| e.expect("readable").path()) {
        if path.is_dir() {
            find_segments(&path, found);
        } else if is_file(&path) && path.extension().is_some_and(|x| x == "wal") {
            found.push(path);
        }
    }
}

#[test]
fn a_data_directory_that_is_damaged_or_of_a_newer_release_is_named() {
    let site = Site::new("data-dir");
    let agent = site.agent(1, &["-server"]);
    let folder = site.folder.join("n1");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("node-id"), "nonsense").expect("written");
    assert_says(&refusal(&agent), &["node-id", "nonsense", "move the directory away"]);
    fs::remove_file(folder.join("node-id")).expect("removed");
    fs::write(folder.join("layout"), "99").expect("written");
    assert_says(&refusal(&agent), &["layout 99", "newer"]);
}

/// A server is its id and its log: without either it would be another, and break what the first one promised.
#[test]
fn a_server_whose_identity_or_log_is_gone_does_not_start_as_another() {
    let site = Site::new("gone");
    let mut agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    eventually("a write is taken", LONG, || agent.put("a", "1"), || agent.said());
    agent.kill();
    let folder = site.folder.join("n1");
    let id = fs::read(folder.join("node-id")).expect("an id");
    fs::remove_file(folder.join("node-id")).expect("removed");
    assert_says(&refusal(&agent), &["node-id", "missing", "list-peers"]);
    fs::write(folder.join("node-id"), id).expect("written");
    let (log, away) = (folder.join("raft/wal"), site.folder.join("away"));
    fs::rename(&log, &away).expect("moved");
    assert_says(&refusal(&agent), &["raft/wal", "missing", "join again"]);
    fs::remove_dir(&log).ok();
    fs::rename(&away, &log).expect("moved back");
    let claim = fs::read(folder.join("raft/claim")).expect("a claim");
    fs::write(folder.join("raft/claim"), "").expect("written");
    assert_says(&refusal(&agent), &["raft/claim", "cannot be read"]);
    fs::write(folder.join("raft/claim"), claim).expect("written");
    let back = agent.started();
    eventually("the write is still there", LONG, || back.value("a").as_deref() == Some("1"), || back.said());
}

/// A larger write would fit the log and not the way to the other servers, and hold up everything behind it.
#[test]
fn a_value_size_that_cannot_be_replicated_is_refused() {
    let site = Site::new("value-size");
    let file = site.folder.join("a.json");
    fs::write(&file, r#"{"limits": {"kv_max_value_size": 20000000}}"#).expect("written");
    assert_says(
        &refusal(&site.agent(1, &["-server", &format!("-config-file={}", file.display())])),
        &["limits.kv_max_value_size", "20000000", "7340032"],
    );
}
