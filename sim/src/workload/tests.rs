use super::{Recorder, Recording, Work, start, trials};
use crate::checker::Verdict;
use crate::invariants::observation::{Applied, Record};
use crate::invariants::{Judgement, judge};
use crate::nodes::Nodes;
use crate::play::play;
use crate::runtime::Sim;
use crate::world::{self, Who};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use muster::model::Index;
use muster::runtime::{Runtime, TcpListener, sleep};
use muster::state::{Command, Condition, KvCommand, Reply};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the store of a test goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Now and then a read is answered from before the last write.
    OldRead,
    /// Now and then a write is acknowledged and forgotten.
    LostWrite,
    /// Conditions are not looked at.
    BlindCas,
    /// The index in the header is newer than the body.
    LateIndex,
}

#[derive(Clone, Default)]
struct Entry {
    value: String,
    create: Index,
    modify: Index,
}

/// One key-value store on one machine that answers like Consul, with a log of what it did.
#[derive(Default)]
struct Store {
    entries: BTreeMap<String, Entry>,
    before: BTreeMap<String, Entry>,
    index: Index,
    changed: BTreeMap<String, Index>,
    applied: Vec<Applied>,
    requests: u64,
}

impl Store {
    fn apply(&mut self, kv: KvCommand, key: &str, value: Option<String>, holds: bool) -> String {
        self.index += 1;
        let index = self.index + 10;
        let process = 0;
        let at = super::now();
        let reply = Reply::Took(holds);
        self.applied.push(Applied {
            at,
            server: Who(1),
            process,
            index,
            term: 1,
            command: 0,
            state: None,
            tables: None,
            whole: Some(Arc::new(Command::Kv(kv))),
            reply,
        });
        if holds {
            self.before = self.entries.clone();
            let create = self.entries.get(key).map_or(index, |e| e.create);
            match value {
                Some(value) => drop(self.entries.insert(key.to_owned(), Entry { value, create, modify: index })),
                None if self.entries.remove(key).is_none() => return holds.to_string(),
                None => {}
            }
            self.changed.insert(key.to_owned(), index);
        }
        holds.to_string()
    }

    fn write(&mut self, method: &Method, key: &str, cas: Option<Index>, body: Bytes, flaw: Flaw) -> String {
        let current = self.entries.get(key).map_or(0, |e| e.modify);
        let (condition, fits) = match cas {
            None => (Condition::Always, true),
            Some(0) => (Condition::Absent, current == 0),
            Some(index) => (Condition::At(index), current == index || (current == 0 && *method == Method::DELETE)),
        };
        let condition = if flaw == Flaw::BlindCas { Condition::Always } else { condition };
        let holds = fits || flaw == Flaw::BlindCas;
        if flaw == Flaw::LostWrite && self.requests.is_multiple_of(23) {
            return "true".to_owned();
        }
        if *method == Method::DELETE {
            return self.apply(KvCommand::Delete { key: key.into(), condition }, key, None, holds);
        }
        let value = String::from_utf8_lossy(&body).into_owned();
        self.apply(KvCommand::Put { key: key.into(), value: body, flags: 0, condition }, key, Some(value), holds)
    }

    fn read(&self, path: &str, query: &str, flaw: Flaw) -> (u16, Index, String) {
        let old = flaw == Flaw::OldRead && self.requests.is_multiple_of(7) && !query.contains("stale");
        let entries = if old { &self.before } else { &self.entries };
        let many = query.contains("recurse") || query.contains("keys");
        let shown: Vec<(&String, &Entry)> = entries.iter().filter(|(k, _)| if many { k.starts_with(path) } else { *k == path }).collect();
        let below = |(k, _): &(&String, &Index)| if many { k.starts_with(path) } else { k.as_str() == path };
        let mark = self.changed.iter().filter(below).map(|(_, index)| *index).max().unwrap_or(1);
        let index = match flaw {
            Flaw::LateIndex => self.index + 11,
            Flaw::OldRead if old => shown.first().map_or(mark, |(_, entry)| entry.modify),
            Flaw::None | Flaw::OldRead | Flaw::LostWrite | Flaw::BlindCas => mark,
        };
        if shown.is_empty() && !query.contains("keys") {
            return (404, index, String::new());
        }
        let row = |(key, e): &(&String, &Entry)| {
            let value = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &e.value);
            let (create, modify) = (e.create, e.modify);
            format!(r#"{{"LockIndex":0,"Key":"{key}","Flags":0,"Value":"{value}","CreateIndex":{create},"ModifyIndex":{modify}}}"#)
        };
        let name = |(key, _): &(&String, &Entry)| format!("{key:?}");
        let rows: Vec<String> = if query.contains("keys") { shown.iter().map(name).collect() } else { shown.iter().map(row).collect() };
        (200, index, format!("[{}]", rows.join(",")))
    }
}

type Shared = Arc<Mutex<Store>>;

fn number(query: &str, name: &str) -> Option<u64> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    value.trim_end_matches("ms").parse().ok()
}

async fn answer(store: Shared, flaw: Flaw, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().trim_start_matches("/v1/kv/").to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let method = request.method().clone();
    let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    sleep::<Sim>(Duration::from_micros(200)).await;
    let until = super::now() + number(&query, "wait").unwrap_or(0) * 1_000_000;
    let after = number(&query, "index").unwrap_or(0);
    while method == Method::GET && super::now() < until && store.lock().unwrap().read(&path, &query, Flaw::None).1 <= after {
        sleep::<Sim>(Duration::from_millis(5)).await;
    }
    let mut store = store.lock().unwrap();
    store.requests += 1;
    let (status, index, text) = match method {
        Method::GET => store.read(&path, &query, flaw),
        _ => (200, 0, store.write(&method, &path, number(&query, "cas"), body, flaw)),
    };
    let answer = Response::builder().status(status).header("X-Consul-Index", index);
    answer.header("X-Consul-Knownleader", "true").header("X-Consul-Lastcontact", 0).body(Full::new(text.into())).unwrap()
}

async fn serve(store: Shared, flaw: Flaw) {
    let listener = Sim::tcp_listen(Who(1).addr(8500)).await.expect("listens");
    loop {
        let (stream, _) = listener.accept().await.expect("accepts");
        let store = store.clone();
        let service = service_fn(move |request| {
            let store = store.clone();
            async move { Ok::<_, hyper::Error>(answer(store, flaw, request).await) }
        });
        drop(Sim::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            let _ = http.auto_date_header(false).serve_connection(TokioIo::new(stream), service).await;
        }));
    }
}

/// Eight seconds of work on the store through cuts between it and a user's machine, then the trials; judged.
fn run(seed: u64, flaw: Flaw) -> (Judgement, Recording) {
    let played = play(seed, None, move || async move {
        let nodes = Nodes::default();
        let store = Shared::default();
        let served = store.clone();
        nodes.add(Who(1), move || serve(served.clone(), flaw));
        let users = [Who(101), Who(102)];
        users.iter().for_each(|who| nodes.add_idle(*who));
        let recorder = Recorder::new();
        let mut work = Work::draw(seed, &users, &[Who(1)]);
        work.patience = Duration::from_millis(700);
        let until = super::now() + 8_000_000_000;
        let tasks = start(&nodes, &work, &recorder, until);
        for _ in 0..3 {
            madsim::time::sleep(Duration::from_secs(1)).await;
            world::with(|w| w.weather.cut(Who(101), Who(1)));
            madsim::time::sleep(Duration::from_secs(1)).await;
            world::with(|w| w.weather.mend(Who(101), Who(1)));
        }
        for task in tasks {
            task.await.expect("users do not panic");
        }
        let book = recorder.clone();
        let trials = nodes.spawn(Who(102), async move { trials(&[Who(1)], &book).await }).await.expect("trials do not panic");
        assert!(trials.iter().all(|trial| trial.succeeded.is_some()) || flaw != Flaw::None, "{trials:?}");
        let mut record = Record { applied: store.lock().unwrap().applied.clone(), ..Record::default() };
        let recording = recorder.take();
        let history = recording.clone().into_record(&mut record);
        (judge(&record, &history), recording)
    });
    played.value.unwrap_or_else(|panic| panic!("seed {seed}: {panic}"))
}

#[test]
fn a_correct_store_behind_cuts_is_found_right_and_enough_was_asked_of_it() {
    let mut unknown = 0;
    for seed in 0..6 {
        let (judgement, recording) = run(seed, Flaw::None);
        assert_eq!(judgement.verdict(), Verdict::Linearizable, "seed {seed}: {:?} {}", judgement.violations, judgement.report);
        assert!(recording.history.operations.len() > 100, "seed {seed}: {}", recording.history.operations.len());
        unknown += recording.history.operations.iter().filter(|o| o.returned().is_none()).count();
    }
    assert!(unknown > 20, "cuts must leave requests without an answer: {unknown}");
}

#[test]
fn every_flaw_of_a_store_is_found() {
    for flaw in [Flaw::OldRead, Flaw::LostWrite, Flaw::BlindCas, Flaw::LateIndex] {
        let caught = (0..4).filter(|seed| run(*seed, flaw).0.verdict() == Verdict::Illegal).count();
        assert!(caught >= 3, "{flaw:?} was found in {caught} of 4 runs");
    }
}

#[test]
fn a_run_repeats_with_all_its_requests() {
    let (one, again) = (run(3, Flaw::None).1, run(3, Flaw::None).1);
    assert_eq!(one.history, again.history);
    assert_eq!(one.watches, again.watches);
    assert!(!one.watches.is_empty() || !one.listings.is_empty());
}
