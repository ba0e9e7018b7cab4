//! A scripted agent for the runner's own tests: a key/value store with indexes and waits, readiness, one DNS answer, and the misbehaviours the
//! runner must survive. It is this very test binary, started as `conformance agent [-dev] -config-dir DIR`.

use super::{dns, http};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// The last index, and each key's index and value.
type Entries = (u64, BTreeMap<String, (u64, String)>);

/// What it keeps.
struct Store {
    entries: Mutex<Entries>,
    changed: Condvar,
    file: Option<PathBuf>,
    manner: String,
}

/// Runs until it is killed. `"fake"` in its configuration is `refuse` (ends at once), `mute` (never ready), `mortal` (ends when
/// asked for `/die`) or nothing.
pub fn main() -> ExitCode {
    let folder = std::env::args().skip_while(|a| a != "-config-dir").nth(1).expect("-config-dir DIR");
    let config = std::fs::read(PathBuf::from(folder).join("agent.json")).expect("agent.json");
    let config: Value = serde_json::from_slice(&config).expect("agent.json is JSON");
    let manner = config["fake"].as_str().unwrap_or_default().to_owned();
    if manner == "refuse" {
        eprintln!("scripted refusal");
        return ExitCode::FAILURE;
    }
    let file = config["data_dir"].as_str().map(|dir| PathBuf::from(dir).join("kv.json"));
    let kept = file.as_ref().and_then(|file| std::fs::read(file).ok()).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let store =
        &*Box::leak(Box::new(Store { entries: Mutex::new(kept.unwrap_or((1, BTreeMap::new()))), changed: Condvar::new(), file, manner }));
    let port = |name: &str| config["ports"][name].as_u64().expect("a port") as u16;
    let names = UdpSocket::bind((Ipv4Addr::LOCALHOST, port("dns"))).expect("the DNS port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port("http"))).expect("the HTTP port");
    thread::spawn(move || answer_names(&names));
    for stream in listener.incoming().map_while(Result::ok) {
        thread::spawn(move || serve(&stream, store));
    }
    ExitCode::SUCCESS
}

fn serve(mut stream: &TcpStream, store: &Store) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (start, headers) = http::read_head(&mut reader)?;
    let length = http::header(&headers, "content-length").is_some();
    let body = if length { http::read_body(&mut reader, &headers)? } else { Vec::new() };
    let mut words = start.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (status, index, answer) = route(store, method, path, query, &body);
    write!(stream, "HTTP/1.1 {status} -\r\nX-Consul-Index: {index}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
}

fn route(store: &Store, method: &str, path: &str, query: &str, body: &[u8]) -> (u16, u64, String) {
    match path {
        "/v1/status/leader" if store.manner != "mute" => (200, 0, json!("127.0.0.1:8300").to_string()),
        "/v1/health/node/golden" => (200, 0, json!([{"CheckID": "serfHealth", "Status": "passing"}]).to_string()),
        "/die" if store.manner == "mortal" => {
            eprintln!("asked to die");
            std::process::exit(3)
        }
        path => match path.strip_prefix("/v1/kv/") {
            Some(key) if method == "PUT" => store.put(key, String::from_utf8_lossy(body).into_owned()),
            Some(key) => store.get(key, query),
            None => (404, 0, "Invalid URL path".to_owned()),
        },
    }
}

impl Store {
    fn put(&self, key: &str, value: String) -> (u16, u64, String) {
        let mut entries = self.entries.lock().expect("unpoisoned");
        entries.0 += 1;
        let index = entries.0;
        entries.1.insert(key.to_owned(), (index, value));
        if let Some(file) = &self.file {
            std::fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder");
            std::fs::write(file, json!(*entries).to_string()).expect("written");
        }
        self.changed.notify_all();
        (200, index, "true".to_owned())
    }

    /// `index=N` waits until the key's index is above N.
    fn get(&self, key: &str, query: &str) -> (u16, u64, String) {
        let after = query.split('&').find_map(|p| p.strip_prefix("index=")?.parse::<u64>().ok()).unwrap_or(0);
        let index_of = |entries: &Entries| entries.1.get(key).map_or(0, |(index, _)| *index);
        let entries = self.entries.lock().expect("unpoisoned");
        let waited = self.changed.wait_timeout_while(entries, Duration::from_secs(10), |e| after > 0 && index_of(e) <= after);
        let (entries, _) = waited.expect("unpoisoned");
        match entries.1.get(key) {
            Some((index, value)) => (200, *index, json!([{"Key": key, "Value": value, "ModifyIndex": index}]).to_string()),
            None => (404, entries.0, String::new()),
        }
    }
}

/// Every name has the address 10.9.8.7 and the text `scripted`.
fn answer_names(socket: &UdpSocket) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
        let Ok((_, end)) = dns::first_question(&buffer[..length]) else { continue };
        let mut reply = buffer[..2].to_vec();
        reply.extend([0x85, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]);
        reply.extend_from_slice(&buffer[12..end]);
        reply.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 9, 8, 7]);
        reply.extend([0xC0, 12, 0, 16, 0, 1, 0, 0, 0, 5, 0, 9, 8]);
        reply.extend_from_slice(b"scripted");
        socket.send_to(&reply, peer).expect("loopback");
    }
}
