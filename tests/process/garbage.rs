//! Bytes from anyone, on every port.

use super::{Agent, LONG, Site, eventually};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn dev(site: &Site) -> Agent {
    let agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    eventually("it takes writes", LONG, || agent.put("a", "1"), || agent.said());
    agent
}

/// Sends bytes and reads what comes until the other side closes or a moment has passed.
fn throw(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    // A refusal may close the stream before all was taken.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn garbage_on_every_port_is_counted_or_refused_and_the_agent_serves_on() {
    let site = Site::new("garbage");
    let mut agent = dev(&site);
    let inputs = [noise(5000), vec![0; 5000], vec![0xFF; 5000], b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new()];
    for port in [8300, 8301, 8302, 8500, 8600] {
        for input in &inputs {
            throw(&format!("{}:{port}", agent.address), input);
        }
    }
    let socket = UdpSocket::bind((agent.address.as_str(), 0)).expect("a port");
    for port in [8301, 8302, 8600] {
        for input in &inputs {
            socket.send_to(&input[..input.len().min(1400)], (agent.address.as_str(), port)).expect("sent");
        }
    }
    assert!(agent.is_running(), "{}", agent.said());
    assert_eq!(agent.value("a").as_deref(), Some("1"), "{}", agent.said());
    assert!(!agent.said().contains("panicked"), "{}", agent.said());
}

#[test]
fn malformed_http_is_answered() {
    let site = Site::new("http");
    let mut agent = dev(&site);
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(2 << 20));
    for input in [
        "nonsense\r\n\r\n",
        "GET /v1/kv/\u{1} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long.as_str(),
    ] {
        let answer = String::from_utf8_lossy(&throw(&agent.http, input.as_bytes())).into_owned();
        let shown: String = input.chars().take(40).collect();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown:?}: {answer:?}");
    }
    let escaped = String::from_utf8_lossy(&throw(&agent.http, b"GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n")).into_owned();
    assert!(escaped.starts_with("HTTP/1.1 400"), "{escaped:?}");
    assert!(agent.is_running() && agent.value("a").as_deref() == Some("1"), "{}", agent.said());
}
