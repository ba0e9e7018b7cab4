//! Free loopback ports.

use super::Failure;
use rand::RngExt;
use rustix::net::{Shutdown, shutdown};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// Below the range the kernel takes for outgoing connections, so that none of those can sit on a port between our look and its use.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on which nobody listens, TCP or UDP, and which this process has not given out before.
pub fn free_port() -> Result<u16, Failure> {
    let mut taken = TAKEN.lock().expect("nobody panics with the lock");
    for _ in 0..1000 {
        let port = rand::rng().random_range(RANGE);
        let at = (Ipv4Addr::LOCALHOST, port);
        if taken.contains(&port) || UdpSocket::bind(at).is_err() {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(at) {
            close(listener);
            taken.insert(port);
            return Ok(port);
        }
    }
    Err(Failure::new("no free port"))
}

/// Closes a port for good. Dropping the listener is not enough: an agent that another case starts at that moment holds a copy of it until it is
/// executed.
pub fn close(listener: TcpListener) {
    shutdown(&listener, Shutdown::Both).expect("a socket that listens");
}
