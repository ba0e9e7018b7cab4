//! A client that follows the changes of keys.

use super::{Agent, LONG, eventually};
use crate::http::{header, read_head};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a stream of changes has told so far.
pub(super) struct Follower {
    /// `X-Consul-Index` of its head.
    pub(super) index: u64,
    told: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
}

impl Follower {
    /// Begins to follow `path`, behind what `last` has seen.
    pub(super) fn of(agent: &Agent, path: &str, last: Option<u64>) -> Follower {
        let mut stream = TcpStream::connect(&agent.http).expect("the agent listens");
        let resumed = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{resumed}\r\n").expect("sent");
        let mut reader = BufReader::new(stream);
        let (start, headers) = read_head(&mut reader).expect("a head");
        assert!(start.contains("200"), "{start}{}", agent.said());
        let index = header(&headers, "X-Consul-Index").and_then(|text| text.parse().ok()).expect("an index");
        let follower = Follower { index, told: Arc::default(), ended: Arc::default() };
        let (told, ended) = (follower.told.clone(), follower.ended.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Some(length) = reader.read(&mut bytes).ok().filter(|length| *length > 0) {
                told.lock().expect("nobody panics").push_str(&String::from_utf8_lossy(&bytes[..length]));
                // The last chunk is empty: the connection itself stays.
                if told.lock().expect("nobody panics").ends_with("\r\n0\r\n\r\n") {
                    break;
                }
            }
            ended.store(true, Ordering::SeqCst);
        });
        follower
    }

    pub(super) fn told(&self) -> String {
        self.told.lock().expect("nobody panics").clone()
    }

    /// Waits until it was told so.
    pub(super) fn hears(&self, what: &str, explain: impl Fn() -> String) {
        eventually(&format!("it is told {what:?}"), LONG, || self.told().contains(what), || format!("{:?}{}", self.told(), explain()));
    }

    /// Waits for its end.
    pub(super) fn ends(&self) {
        eventually("the stream ends", LONG, || self.ended.load(Ordering::SeqCst), || self.told());
    }
}
