//! Archives: saved, restored on another cluster while its clients are connected, damaged.

use super::cluster::Cluster;
use super::follower::Follower;
use super::{Agent, LONG, Site, eventually, text};
use crate::http::{Answer, Request, call};
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Writes of the old cluster: its indexes are ahead of a young one's.
const WRITES: u32 = 300;

/// How soon everybody must hear of a restore: it takes milliseconds on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(5);

fn index(answer: &Answer) -> u64 {
    answer.header("X-Consul-Index").expect("an index").parse().expect("a number")
}

fn list(agent: &Agent, path: &str) -> Vec<Value> {
    agent.json(path).and_then(|list| list.as_array().cloned()).unwrap_or_default()
}

/// A cluster of one whose archive others are given.
fn old(site: &Site) -> Agent {
    let agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    eventually("it takes writes", LONG, || agent.put("app/a", "old"), || agent.said());
    let known = || list(&agent, "/v1/health/node/n1").len() == 1;
    eventually("its node is known", LONG, known, || agent.said());
    agent
}

fn save(agent: &Agent, file: &Path) {
    let saved = agent.command(&["snapshot", "save"], &[&file.display().to_string()]);
    assert!(saved.status.success(), "{}{}", text(&saved.stderr), agent.said());
}

fn restore(agent: &Agent, file: &Path) -> (Option<i32>, String) {
    let restored = agent.command(&["snapshot", "restore"], &[&file.display().to_string()]);
    (restored.status.code(), text(&restored.stderr))
}

/// A session on `node` that holds `key`.
fn lock(agent: &Agent, node: &str, key: &str) -> String {
    let body = json!({"Node": node, "Name": key, "NodeChecks": [], "TTL": "10s"}).to_string();
    let created = agent.call("PUT", "/v1/session/create", Some(&body), LONG).expect("an answer");
    let session: Value = serde_json::from_slice(&created.body).unwrap_or_else(|_| panic!("{}", text(&created.body)));
    let session = session["ID"].as_str().expect("an id").to_owned();
    let taken = agent.call("PUT", &format!("/v1/kv/{key}?acquire={session}"), Some("held"), LONG).expect("an answer");
    assert_eq!(text(&taken.body).trim(), "true");
    session
}

/// An archive of keys, nodes, an instance and two locks: one of an agent's node, one of a node from outside.
fn archive(site: &Site, file: &Path) -> [String; 2] {
    let mut agent = old(site);
    (0..WRITES).for_each(|number| assert!(agent.put("app/count", &number.to_string())));
    agent.change("/v1/agent/service/register", &json!({"Name": "web", "Port": 81}).to_string());
    let outside = json!({"Node": "ext", "Address": "192.0.2.1", "Service": {"Service": "web", "Port": 80}});
    agent.change("/v1/catalog/register", &outside.to_string());
    let sessions = [lock(&agent, "n1", "locks/of-agent"), lock(&agent, "ext", "locks/of-ext")];
    save(&agent, file);
    agent.kill();
    sessions
}

/// Waits for news of what `path` names, again and again, until it is of the restored state; when that came.
fn follow_queries(http: &str, path: &str) -> (Answer, Instant) {
    let ask = |seen: u64| {
        let mark = if path.contains('?') { '&' } else { '?' };
        call(http, &Request::get(&format!("{path}{mark}index={seen}&wait=60s"), Duration::from_secs(90))).expect("an answer")
    };
    let mut seen = 0;
    loop {
        let answer = ask(seen);
        assert!(index(&answer) >= seen, "{path}: the index went back from {seen} to {}", index(&answer));
        if index(&answer) > u64::from(WRITES) {
            return (answer, Instant::now());
        }
        seen = index(&answer);
    }
}

/// Readers that wait for news at several agents.
fn wait_for_news(cluster: &Cluster) -> Vec<(&'static str, thread::JoinHandle<(Answer, Instant)>)> {
    let server = &cluster.servers[1];
    let asked = [
        (server, "/v1/kv/app/a"),
        (&cluster.client, "/v1/kv/app/a"),
        (&cluster.client, "/v1/kv/app/young"),
        (&cluster.client, "/v1/kv/nobody/ever"),
        (&cluster.other, "/v1/kv/app/?recurse"),
        (&cluster.client, "/v1/health/service/web"),
        (server, "/v1/catalog/nodes"),
        (&cluster.other, "/v1/session/list"),
        (&cluster.client, "/v1/kv/locks/of-ext"),
    ];
    let begin = |(agent, path): (&Agent, &'static str)| {
        let http = agent.http.clone();
        (path, thread::spawn(move || follow_queries(&http, path)))
    };
    asked.map(begin).into()
}

fn restored_young_cluster() -> (Cluster, PathBuf, [String; 2]) {
    let cluster = Cluster::formed("restore");
    let site = Site::new("restored-from");
    let file = cluster.site.folder.join("backup");
    let sessions = archive(&site, &file);
    (cluster, file, sessions)
}

#[test]
fn a_restore_on_another_cluster_tells_every_client_that_is_connected() {
    let (cluster, file, [of_agent, of_ext]) = restored_young_cluster();
    assert!(cluster.client.put("app/a", "young") && cluster.client.put("app/young", "1"));
    cluster.client.change("/v1/agent/service/register", &json!({"Name": "web", "Port": 82}).to_string());
    let follower = Follower::of(&cluster.client, "/v1/kv/app/?stream", None);
    assert!(cluster.other.put("app/told", "1"));
    follower.hears("\"Key\":\"app/told\"", || cluster.said());
    let readers = wait_for_news(&cluster);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(restore(&cluster.client, &file), (Some(0), String::new()), "{}", cluster.said());
    let restored = Instant::now();
    for (path, reader) in readers {
        let (answer, at) = reader.join().expect("a reader");
        let late = at.saturating_duration_since(restored);
        println!("{path}: {} with index {} {late:?} after the restore", answer.status, index(&answer));
        assert!(late < SOON, "{path}: {late:?}{}", cluster.said());
        let gone = matches!(path, "/v1/kv/app/young" | "/v1/kv/nobody/ever");
        assert_eq!(answer.status, if gone { 404 } else { 200 }, "{path}");
        let news = match path {
            "/v1/health/service/web" | "/v1/catalog/nodes" => "192.0.2.1",
            "/v1/session/list" | "/v1/kv/locks/of-ext" => &of_ext,
            _ => "",
        };
        assert!(text(&answer.body).contains(news), "{path}: {}", text(&answer.body));
    }
    // The stream names the index to go on from, behind a new look at the keys.
    follower.ends();
    let told = follower.told();
    let at = told.find("event: gap").unwrap_or_else(|| panic!("{told}"));
    let resume: u64 = told[at..].split("\"Resume\":").nth(1).and_then(|rest| rest.split('}').next()?.parse().ok()).expect("an index");
    assert!(resume > u64::from(WRITES) && told[at..].contains(&format!("id: {resume}\n")), "{told}");
    let resumed = Follower::of(&cluster.client, "/v1/kv/app/?stream", Some(resume));
    assert_eq!(resumed.index, resume);
    for agent in cluster.everyone() {
        let values = || (agent.value("app/a"), agent.value("app/young"));
        eventually("all have what was restored", LONG, || values() == (Some("old".to_owned()), None), || cluster.said());
    }
    assert!(cluster.other.put("app/later", "1"));
    resumed.hears("\"Key\":\"app/later\"", || cluster.said());
    assert!(!resumed.told().contains("gap"), "{}", resumed.told());
    catalog_is_of_this_cluster(&cluster, &of_agent, &of_ext);
}

/// The nodes of the other cluster that have the names of this one's make room; what came from outside stays, and a lock of it too.
fn catalog_is_of_this_cluster(cluster: &Cluster, of_agent: &str, of_ext: &str) {
    let client = &cluster.client;
    for agent in cluster.everyone() {
        let itself = agent.json("/v1/agent/self").expect("it runs");
        let (name, id) = (itself["Config"]["NodeName"].as_str().expect("a name"), &itself["Config"]["NodeID"]);
        let has_it = || client.json(&format!("/v1/catalog/node/{name}")).is_some_and(|node| node["Node"]["ID"] == *id);
        let took = eventually("the node is this cluster's", LONG, has_it, || cluster.said());
        println!("{name} was in the restored catalog after {took:?}");
    }
    let holder = |key: &str| list(client, &format!("/v1/kv/{key}")).first()?["Session"].as_str().map(str::to_owned);
    eventually("a machine that is not here holds nothing", LONG, || holder("locks/of-agent").is_none(), || cluster.said());
    assert_eq!(holder("locks/of-ext").as_deref(), Some(of_ext));
    let renew = |session: &str| client.call("PUT", &format!("/v1/session/renew/{session}"), None, LONG).expect("an answer").status;
    assert_eq!((renew(of_ext), renew(of_agent)), (200, 404));
    assert!(client.json("/v1/catalog/node/ext").is_some_and(|node| node["Node"]["Address"] == "192.0.2.1"));
    client.change("/v1/agent/service/register", &json!({"Name": "api", "Port": 83}).to_string());
    eventually("what is registered now is listed", LONG, || list(client, "/v1/catalog/service/api").len() == 1, || cluster.said());
}

#[test]
fn a_holder_whose_lock_a_restore_takes_away_is_told() {
    let (cluster, file, _) = restored_young_cluster();
    let journal = cluster.site.folder.join("journal");
    let line = "trap 'echo told >> $J; exit' TERM; echo works >> $J; while true; do sleep 0.02; done";
    let mut command = super::muster();
    command.arg("lock").arg(format!("-http-addr={}", cluster.client.http)).args(["app/leader", line]).env("J", &journal);
    let mut holder = command.stderr(std::process::Stdio::piped()).spawn().expect("the binary runs");
    let lines = |line: &str| fs::read_to_string(&journal).unwrap_or_default().matches(line).count();
    eventually("it works", LONG, || lines("works") == 1, || cluster.said());
    assert_eq!(restore(&cluster.other, &file).0, Some(0), "{}", cluster.said());
    let mut status = None;
    let mut over = || {
        status = holder.try_wait().expect("our own child");
        status.is_some()
    };
    let took = eventually("it ends", LONG, &mut over, || cluster.said());
    println!("a holder without a lock had ended {took:?} after the restore");
    assert!(took < SOON + Duration::from_secs(5), "it is told, not left to find out: {took:?}");
    assert_eq!((status.and_then(|status| status.code()), lines("told")), (Some(1), 1));
}

/// Archives that are none, by what a restore says of them.
fn damaged(whole: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let flipped = |at: usize| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x10;
        bytes
    };
    let zipped = |plain: &[u8]| {
        let mut out = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(plain).expect("a Vec takes all");
        out.finish().expect("a Vec takes all")
    };
    let somewhere = (1..24).map(|part| flipped(whole.len() * part / 24));
    let somewhere = somewhere.map(|bytes| ("a bit flipped somewhere", bytes, "failed"));
    let others = [
        ("empty", Vec::new(), "failed to decompress snapshot"),
        ("no archive", b"not a snapshot".to_vec(), "failed to decompress snapshot"),
        ("cut off in the middle", whole[..whole.len() / 2].to_vec(), "failed to decompress snapshot"),
        ("without its last byte", whole[..whole.len() - 1].to_vec(), "failed"),
        ("a time in gzip's head", flipped(4), "failed checking integrity of snapshot"),
        ("twice in one file", [whole, whole].concat(), "failed to read snapshot file"),
        ("a bit flipped in its head", flipped(1), "failed to decompress snapshot"),
        ("a bit flipped near its end", flipped(whole.len() - 12), "failed"),
        ("something else, compressed", zipped(&[7; 4096]), "failed to read snapshot file"),
    ];
    others.into_iter().chain(somewhere).collect()
}

/// Another product's: as tar makes it, with files of the same names.
fn foreign(folder: &Path) -> Vec<u8> {
    let from = folder.join("foreign");
    fs::create_dir_all(&from).expect("a folder");
    let meta = json!({"Version": 1, "ID": "2-12-1595276013735", "Index": 12, "Term": 2, "Peers": "", "ConfigurationIndex": 1, "Size": 9});
    fs::write(from.join("meta.json"), meta.to_string()).expect("written");
    fs::write(from.join("state.bin"), "\0\0\0\0state").expect("written");
    fs::write(from.join("SHA256SUMS"), "none  meta.json\nnone  state.bin\n").expect("written");
    let mut tar = std::process::Command::new("tar");
    tar.args(["--format=ustar", "-czf", "-", "-C"]).arg(&from).args(["meta.json", "state.bin", "SHA256SUMS"]);
    let made = tar.output().expect("tar runs");
    assert!(made.status.success(), "{}", text(&made.stderr));
    made.stdout
}

#[test]
fn a_damaged_archive_is_refused_whole_by_the_command_and_by_the_servers() {
    let site = Site::new("damaged");
    let agent = old(&site);
    let file = site.folder.join("whole");
    save(&agent, &file);
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "keys hold secrets");
    let whole = fs::read(&file).expect("it is there");
    assert!(agent.put("app/a", "newer"));
    let before = agent.get("/v1/kv/?recurse").expect("an answer");
    let mut all = damaged(&whole);
    all.push(("another product's", foreign(&site.folder), "failed to read snapshot metadata"));
    let other = site.folder.join("damaged");
    for (what, bytes, why) in all {
        fs::write(&other, &bytes).expect("written");
        let (code, said) = restore(&agent, &other);
        assert!(code == Some(1) && said.contains(why) && said.contains("damaged"), "{what}: {code:?} {said}");
        let put = Request { method: "PUT".to_owned(), body: Some(bytes), ..Request::get("/v1/snapshot", LONG) };
        let answer = call(&agent.http, &put).expect("an answer");
        assert!(answer.status == 500 && text(&answer.body).contains(why), "{what}: {} {}", answer.status, text(&answer.body));
        println!("{what}: {}", text(&answer.body).trim());
    }
    // One whose sender goes away.
    let mut half = TcpStream::connect(&agent.http).expect("the agent listens");
    write!(half, "PUT /v1/snapshot HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", whole.len()).expect("sent");
    half.write_all(&whole[..whole.len() - 100]).expect("sent");
    drop(half);
    let after = agent.get("/v1/kv/?recurse").expect("an answer");
    assert_eq!((index(&after), &after.body), (index(&before), &before.body), "nothing has changed");
    let scratch = site.folder.join("n1/archives");
    eventually("nothing is left of them", LONG, || fs::read_dir(&scratch).is_ok_and(|files| files.count() == 0), || agent.said());
    assert_eq!(restore(&agent, &file), (Some(0), String::new()), "the whole one can be restored");
    assert_eq!(agent.value("app/a").as_deref(), Some("old"));
}

#[test]
fn a_save_that_fails_leaves_what_was_saved_before() {
    let site = Site::new("saved");
    let mut agent = old(&site);
    let file = site.folder.join("backup");
    save(&agent, &file);
    let before = fs::read(&file).expect("it is there");
    agent.kill();
    let failed = agent.command(&["snapshot", "save"], &[&file.display().to_string()]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(fs::read(&file).expect("it is there"), before);
    assert!(!site.folder.join("backup.unverified").exists());
}
