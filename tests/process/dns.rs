//! DNS on real sockets: what hostile or slow askers do, what recursors are asked, what a reload changes.

use super::{Agent, LONG, Site, eventually};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);
const A: u16 = 1;

/// A server with a service `web` of one instance.
pub(super) fn serving(site: &Site, flags: &[&str]) -> Agent {
    let agent = site.agent(1, &[&["-server", "-bootstrap-expect=1"], flags].concat()).started();
    register(&agent, "web-1", "web", 8_001);
    let named = || answers(&ask_udp(&agent, &question(1, "web.service.consul", A)).unwrap_or_default()) == (0, 1);
    eventually("DNS names it", LONG, named, || agent.said());
    agent
}

pub(super) fn register(agent: &Agent, id: &str, service: &str, port: u16) {
    let body = format!(r#"{{"ID":"{id}","Name":"{service}","Port":{port}}}"#);
    let put = || agent.call("PUT", "/v1/agent/service/register", Some(&body), PATIENCE).is_ok_and(|answer| answer.status == 200);
    eventually("it is registered", LONG, put, || agent.said());
}

fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&[&kind.to_be_bytes()[..], &[0, 1]].concat());
    bytes
}

/// Code and number of answers of a reply.
fn answers(reply: &[u8]) -> (u8, u16) {
    if reply.len() < 12 { (255, 0) } else { (reply[3] & 0xf, u16::from_be_bytes([reply[6], reply[7]])) }
}

fn ask_udp(agent: &Agent, query: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((agent.address.as_str(), 0)).expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.send_to(query, (agent.address.as_str(), 8600)).expect("sent");
    let mut reply = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut reply).ok()?;
    reply.truncate(length);
    Some(reply)
}

fn connect(agent: &Agent) -> TcpStream {
    let stream = TcpStream::connect((agent.address.as_str(), 8600)).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE * 6)).expect("a timeout");
    stream
}

fn framed(query: &[u8]) -> Vec<u8> {
    [&(query.len() as u16).to_be_bytes()[..], query].concat()
}

fn receive(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}

fn counted(agent: &Agent, name: &str) -> u64 {
    let metrics = agent.json("/v1/agent/metrics").unwrap_or_default();
    let gauges = metrics["Gauges"].as_array().cloned().unwrap_or_default();
    gauges.iter().filter(|gauge| gauge["Name"] == name).filter_map(|gauge| gauge["Value"].as_f64()).sum::<f64>() as u64
}

#[test]
fn questions_of_one_connection_are_answered_in_order_however_their_bytes_come() {
    let site = Site::new("dns-pipeline");
    let agent = serving(&site, &[]);
    let mut stream = connect(&agent);
    let many: Vec<u8> = (0..200).flat_map(|id| framed(&question(id, "web.service.consul", A))).collect();
    stream.write_all(&many).expect("taken");
    for id in 0..200_u16 {
        let reply = receive(&mut stream).expect("an answer");
        assert_eq!((&reply[..2], answers(&reply)), (&id.to_be_bytes()[..], (0, 1)));
    }
    for byte in framed(&question(7, "none.service.consul", A)) {
        stream.write_all(&[byte]).expect("taken");
    }
    assert_eq!(answers(&receive(&mut stream).expect("an answer")), (3, 0));
    stream.write_all(&framed(&question(8, "web.service.consul", A))).expect("taken");
    stream.shutdown(std::net::Shutdown::Write).expect("half closed");
    assert_eq!(answers(&receive(&mut stream).expect("what was asked before the end is answered")), (0, 1));
    assert_eq!(stream.read(&mut [0; 1]).expect("the end"), 0);
}

#[test]
fn a_service_whose_address_is_the_name_of_a_query_is_where_the_query_finds_it() {
    let site = Site::new("dns-query");
    let agent = serving(&site, &[]);
    let made = agent.call("POST", "/v1/query", Some(r#"{"Name":"nearest","Service":{"Service":"web"}}"#), PATIENCE);
    assert!(made.is_ok_and(|answer| answer.status == 200), "{}", agent.said());
    agent.change("/v1/agent/service/register", r#"{"Name":"front","Address":"nearest.query.consul","Port":80}"#);
    let mut reply = Vec::new();
    let mut whole = || {
        reply = ask_udp(&agent, &question(1, "front.service.consul", A)).unwrap_or_default();
        answers(&reply) == (0, 2)
    };
    eventually("an alias and an address are answered", LONG, &mut whole, || agent.said());
    let address: std::net::Ipv4Addr = agent.address.parse().expect("an address");
    let found = |needle: &[u8]| reply.windows(needle.len()).any(|window| window == needle);
    assert!(found(b"\x07nearest\x05query") && found(&address.octets()), "{reply:?}");
}

#[test]
fn a_length_that_lies_and_a_question_that_never_ends_close_the_connection() {
    let site = Site::new("dns-lies");
    let mut agent = serving(&site, &[]);
    for lie in [&[0, 0][..], &[0, 11, 1, 2, 3], &[0, 12, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let mut stream = connect(&agent);
        stream.write_all(lie).expect("taken");
        assert_closed(&mut stream);
    }
    let start = Instant::now();
    let mut dripping = connect(&agent);
    dripping.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    // Byte by byte, so that something always came lately.
    let ended = [&[0xff, 0xff][..], &[1; 200]].concat().into_iter().any(|byte| {
        let sent = dripping.write_all(&[byte]);
        match dripping.read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => panic!("nothing was asked"),
            Err(error) => sent.is_err() || !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    });
    assert!(ended && start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(counted(&agent, "consul.dns.connection_cut"), 4, "{}", agent.said());
    assert!(agent.is_running());
}

fn assert_closed(stream: &mut TcpStream) {
    match stream.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn garbage_is_answered_with_its_code_or_not_at_all_and_counted() {
    let site = Site::new("dns-garbage");
    let mut agent = serving(&site, &[]);
    let good = question(9, "web.service.consul", A);
    let changed = |at: usize, byte: u8| {
        let mut query = good.clone();
        query[at] = byte;
        ask_udp(&agent, &query).map(|reply| answers(&reply).0)
    };
    assert_eq!(changed(5, 2), Some(1), "two questions");
    assert_eq!(changed(2, 0x28), Some(4), "an update");
    assert_eq!(changed(12, 0xc0), Some(1), "a pointer in the question");
    assert_eq!(changed(good.len() - 1, 9), Some(5), "an unknown class");
    let silent = UdpSocket::bind((agent.address.as_str(), 0)).expect("a port");
    silent.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let mut reply = good.clone();
    reply[2] |= 0x80;
    for quiet in [&reply[..], &[], &[1; 11]] {
        silent.send_to(quiet, (agent.address.as_str(), 8600)).expect("sent");
    }
    assert!(silent.recv_from(&mut [0; 512]).is_err(), "an answer to an answer could go on for ever");
    assert_eq!(counted(&agent, "consul.dns.refused"), 7, "{}", agent.said());
    assert!(agent.is_running() && !agent.said().contains("panicked"), "{}", agent.said());
}

#[test]
fn recursors_are_asked_for_foreign_names_alone_and_a_reload_changes_them() {
    let site = Site::new("dns-recursor");
    let upstream = UdpSocket::bind((site.address(9).as_str(), 5353)).expect("a port");
    upstream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let file = site.folder.join("dns.json");
    let with = |recursors: &str| {
        let text = format!(r#"{{"recursors": [{recursors}], "dns_config": {{"recursor_timeout": "200ms"}}}}"#);
        std::fs::write(&file, text).expect("written");
    };
    with("");
    let agent = serving(&site, &["-config-file", file.to_str().expect("a name")]);
    let foreign = question(3, "www.example", A);
    let asked = |reply: Option<Vec<u8>>| reply.map(|reply| (reply[3] & 0x8f, reply[2] & 4)).expect("an answer");
    assert_eq!(asked(ask_udp(&agent, &foreign)), (5, 0), "refused, and recursion is not offered");
    with(&format!("\"{}:5353\"", site.address(9)));
    assert!(agent.call("PUT", "/v1/agent/reload", None, PATIENCE).is_ok_and(|answer| answer.status == 200), "{}", agent.said());
    let socket = UdpSocket::bind((agent.address.as_str(), 0)).expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.send_to(&foreign, (agent.address.as_str(), 8600)).expect("sent");
    let mut query = [0; 512];
    let (length, from) = upstream.recv_from(&mut query).expect("the question is passed on");
    assert_eq!(query[2..length], foreign[2..]);
    (query[2], query[3]) = (0x81, 0x03);
    upstream.send_to(&query[..length], from).expect("sent");
    let mut reply = [0; 512];
    let (length, _) = socket.recv_from(&mut reply).expect("its answer is passed back");
    assert_eq!((&reply[..2], reply[3], length), (&[0, 3][..], 0x83, foreign.len()));
    assert_eq!(asked(ask_udp(&agent, &foreign)), (0x82, 0), "a silent recursor: SERVFAIL, in time");
    assert_eq!(asked(ask_udp(&agent, &question(4, "none.service.consul", A))), (0x83, 4), "our own zone is not passed on");
}

#[test]
fn a_client_agent_answers_what_it_knew_last_while_servers_are_away() {
    let site = Site::new("dns-away");
    let mut server = serving(&site, &[]);
    let join = format!("-retry-join={}", server.address);
    let client = site.agent(2, &[&join]).started();
    let web = question(1, "web.service.consul", A);
    let node = question(2, "n1.node.consul", A);
    let known = |query: &[u8]| ask_udp(&client, query).is_some_and(|reply| answers(&reply) == (0, 1));
    eventually("the client agent names it", LONG, || known(&web) && known(&node), || client.said());
    server.kill();
    let start = Instant::now();
    for _ in 0..20 {
        assert!(known(&web), "{}", client.said());
    }
    assert!(start.elapsed() < PATIENCE, "known answers are at hand: {:?}", start.elapsed());
    for _ in 0..5 {
        assert!(known(&node), "{}", client.said());
    }
    let unknown = |query: &[u8]| ask_udp(&client, query).is_none_or(|reply| answers(&reply) == (2, 0));
    assert!(unknown(&question(3, "other.service.consul", A)), "who never knew says so, and not that there is none");
}
