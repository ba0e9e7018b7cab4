//! What the agent under test talks to: an HTTP server whose paths can be given an answer, TCP ports that open and close, a DNS recursor.

use super::Failure;
use super::{dns, http, ports};
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// All fixtures of a run, shared by its cases: names with `${u}` keep them apart. The servers live as long as the process.
#[derive(Debug)]
pub struct Fixtures {
    http: SocketAddr,
    recursor: SocketAddr,
    scene: Arc<Mutex<Scene>>,
}

#[derive(Debug, Default)]
struct Scene {
    routes: BTreeMap<String, Map<String, Value>>,
    seen: BTreeMap<String, Vec<Value>>,
    ports: BTreeMap<String, (u16, Option<TcpListener>)>,
    names: BTreeMap<String, Map<String, Value>>,
}

impl Fixtures {
    /// Opens the servers on free ports of the loopback.
    pub fn open() -> Fixtures {
        let scene = Arc::new(Mutex::new(Scene::default()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let (http, recursor) = (listener.local_addr().expect("bound"), socket.local_addr().expect("bound"));
        let (of_http, of_recursor) = (Arc::clone(&scene), Arc::clone(&scene));
        thread::spawn(move || serve_http(&listener, &of_http));
        thread::spawn(move || serve_names(&socket, &of_recursor));
        Fixtures { http, recursor, scene }
    }

    /// Where the HTTP server listens.
    pub fn http_address(&self) -> String {
        self.http.to_string()
    }

    /// Where the recursor listens.
    pub fn recursor_address(&self) -> String {
        self.recursor.to_string()
    }

    /// Plays a `fixture` step. `name` is the port's, made unique for the case.
    pub fn set(&self, fixture: &Map<String, Value>, unique: impl Fn(&str) -> String) -> Result<(), Failure> {
        let text = |key: &str| fixture.get(key).and_then(Value::as_str);
        if let Some(path) = text("http") {
            lock(&self.scene).routes.insert(path.to_owned(), fixture.clone());
        } else if let Some(name) = text("dns") {
            lock(&self.scene).names.insert(with_final_dot(name), fixture.clone());
        } else if let Some(name) = text("tcp") {
            let open = fixture.get("open").and_then(Value::as_bool).unwrap_or(false);
            self.set_port(&unique(name), open)?;
        } else {
            return Err(Failure::new(format!("a fixture of no known kind: {}", Value::Object(fixture.clone()))));
        }
        Ok(())
    }

    /// The number of the port of this name, closed until a step opens it.
    pub fn port(&self, name: &str) -> Result<u16, Failure> {
        let mut scene = lock(&self.scene);
        if let Some((port, _)) = scene.ports.get(name) {
            return Ok(*port);
        }
        let port = ports::free_port()?;
        scene.ports.insert(name.to_owned(), (port, None));
        Ok(port)
    }

    /// The requests seen at this path, in order.
    pub fn seen(&self, path: &str) -> Vec<Value> {
        lock(&self.scene).seen.get(path).cloned().unwrap_or_default()
    }

    fn set_port(&self, name: &str, open: bool) -> Result<(), Failure> {
        let port = self.port(name)?;
        let mut scene = lock(&self.scene);
        if let Some((_, Some(listener))) = scene.ports.insert(name.to_owned(), (port, None)) {
            ports::close(listener);
        }
        if open {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| Failure::new(format!("port {port}: {e}")))?;
            scene.ports.insert(name.to_owned(), (port, Some(listener)));
        }
        Ok(())
    }
}

fn lock(scene: &Mutex<Scene>) -> MutexGuard<'_, Scene> {
    scene.lock().expect("nobody panics with the lock")
}

fn with_final_dot(name: &str) -> String {
    format!("{}.", name.to_lowercase().trim_end_matches('.'))
}

fn serve_http(listener: &TcpListener, scene: &Arc<Mutex<Scene>>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let scene = Arc::clone(scene);
        // A connection that ends in the middle is the agent's business: a check that timed out, an agent that was killed.
        thread::spawn(move || {
            let mut reader = BufReader::new(&stream);
            while let Ok(true) = serve_one(&mut reader, &scene) {}
        });
    }
}

/// Answers one request; says whether the connection can carry another.
fn serve_one(reader: &mut BufReader<&TcpStream>, scene: &Mutex<Scene>) -> io::Result<bool> {
    let (start, headers) = http::read_head(reader)?;
    let has_body = ["content-length", "transfer-encoding"].iter().any(|name| http::header(&headers, name).is_some());
    let body = if has_body { http::read_body(reader, &headers)? } else { Vec::new() };
    let mut words = start.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let route = note(scene, method, path, &headers, &body);
    thread::sleep(Duration::from_millis(route.get("delay_ms").and_then(Value::as_u64).unwrap_or(0)));
    answer(reader.get_ref(), method, &route)?;
    Ok(http::header(&headers, "connection").is_none_or(|v| !v.eq_ignore_ascii_case("close")))
}

fn note(scene: &Mutex<Scene>, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Map<String, Value> {
    let headers: BTreeMap<String, &String> = headers.iter().map(|(name, value)| (title_case(name), value)).collect();
    let request = json!({"method": method, "headers": headers, "body": String::from_utf8_lossy(body)});
    let mut scene = lock(scene);
    scene.seen.entry(path.to_owned()).or_default().push(request);
    scene.routes.get(path).cloned().unwrap_or_default()
}

fn answer(mut stream: &TcpStream, method: &str, route: &Map<String, Value>) -> io::Result<()> {
    let status = route.get("status").and_then(Value::as_u64).unwrap_or(200);
    let body = route.get("body").and_then(Value::as_str).map_or_else(|| format!("fixture says {status}"), str::to_owned);
    let known = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let reason = known.and_then(|status| status.canonical_reason()).unwrap_or("Unknown");
    let mut out = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in route.get("headers").and_then(Value::as_object).into_iter().flatten() {
        out.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap_or_default()));
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    if method != "HEAD" {
        out.push_str(&body);
    }
    stream.write_all(out.as_bytes())
}

/// `x-consul-token` as `X-Consul-Token`.
fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect())
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn serve_names(socket: &UdpSocket, scene: &Mutex<Scene>) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
        if let Some(reply) = recursor_reply(&buffer[..length], scene) {
            // An agent that has gone away asks again or does not care.
            let _ = socket.send_to(&reply, peer);
        }
    }
}

fn recursor_reply(question: &[u8], scene: &Mutex<Scene>) -> Option<Vec<u8>> {
    let (name, end) = dns::first_question(question).ok()?;
    let known = lock(scene).names.get(&name.to_lowercase()).cloned();
    let address = known.as_ref().and_then(|record| record.get("a")?.as_str()?.parse::<Ipv4Addr>().ok());
    let ttl = known.as_ref().and_then(|record| record.get("ttl")?.as_u64()).unwrap_or(60) as u32;
    let mut reply = question[..2].to_vec();
    let (flags, answers) = if address.is_some() { (0x8180u16, 1u16) } else { (0x8183, 0) };
    for word in [flags, 1, answers, 0, 0] {
        reply.extend(word.to_be_bytes());
    }
    reply.extend_from_slice(&question[12..end]);
    if let Some(address) = address {
        reply.extend([0xC0, 0x0C, 0, 1, 0, 1]);
        reply.extend(ttl.to_be_bytes());
        reply.extend([0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
