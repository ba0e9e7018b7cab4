//! A DNS client for the users of a run: asks for SRV records over UDP or TCP and reads them with a parser of its own, so that a fault of the agent's
//! writer shows.

use crate::draws::Draws;
use crate::runtime::Sim;
use crate::world;
use muster::runtime::{Runtime, UdpSocket, timeout};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Port of the DNS interface.
pub const DNS: u16 = 8600;

const SRV: u16 = 33;
const OPT: u16 = 41;
/// Datagrams we say we take.
const UDP_SIZE: u16 = 4096;

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// One datagram each way.
    Udp,
    /// A connection of its own.
    Tcp,
}

/// A reply, as far as users of SRV records read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The code.
    pub rcode: u8,
    /// Whether it is cut short.
    pub truncated: bool,
    /// Targets with their ports, sorted.
    pub targets: Vec<(String, u16)>,
}

/// Asks `at` for the SRV records of `name`. `None`: there is no answer within `patience`. An error: there is one that makes no sense.
pub async fn ask(at: SocketAddr, name: &str, over: Over, draws: &mut Draws, patience: Duration) -> Result<Option<Named>, String> {
    let id = draws.below(65_536) as u16;
    let query = question(id, name);
    let exchange = async {
        match over {
            Over::Udp => over_udp(at, &query).await,
            Over::Tcp => over_tcp(at, &query).await,
        }
    };
    match timeout::<Sim, _>(patience, exchange).await {
        Ok(Ok(reply)) => read(&reply, id, name).map(Some).ok_or_else(|| format!("{at} answered {name} with {}", reply.escape_ascii())),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

async fn over_udp(at: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let socket = Sim::udp_bind(SocketAddr::new(world::me().ip(), 0)).await?;
    socket.send_to(query, at).await?;
    let mut reply = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut reply).await?;
    reply.truncate(length);
    Ok(reply)
}

async fn over_tcp(at: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = Sim::tcp_connect(at).await?;
    stream.write_all(&[&(query.len() as u16).to_be_bytes()[..], query].concat()).await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}

fn question(id: u16, name: &str) -> Vec<u8> {
    let mut query = Vec::new();
    query.extend_from_slice(&id.to_be_bytes());
    query.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend_from_slice(&SRV.to_be_bytes());
    query.extend_from_slice(&[0, 1, 0]);
    query.extend_from_slice(&OPT.to_be_bytes());
    query.extend_from_slice(&UDP_SIZE.to_be_bytes());
    query.extend_from_slice(&[0; 6]);
    query
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The whole of a reply to a question of ours: every record of every section must be there, and nothing behind them.
fn read(reply: &[u8], id: u16, name: &str) -> Option<Named> {
    let flags = number(reply, 2)?;
    if number(reply, 0)? != id || flags & 0x8000 == 0 || number(reply, 4)? != 1 {
        return None;
    }
    let (asked, at) = read_name(reply, 12)?;
    if asked != name || number(reply, at)? != SRV {
        return None;
    }
    let (mut at, mut targets) = (at + 4, Vec::new());
    for section in 0..3 {
        for _ in 0..number(reply, 6 + 2 * section)? {
            let (_, head) = read_name(reply, at)?;
            let content = head + 10;
            at = content + usize::from(number(reply, head + 8)?);
            if section == 0 && number(reply, head)? == SRV {
                let (target, end) = read_name(reply, content + 6)?;
                targets.push((target, number(reply, content + 4)?));
                if end != at {
                    return None;
                }
            }
        }
    }
    targets.sort();
    (at == reply.len()).then_some(Named { rcode: (flags & 0xf) as u8, truncated: flags & 0x0200 != 0, targets })
}

/// A name, and where what follows it begins.
fn read_name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut name, mut end) = (String::new(), None);
    // Each pointer goes back, so there are fewer than bytes.
    for _ in 0..bytes.len() {
        match usize::from(*bytes.get(at)?) {
            0 => return Some((name, end.unwrap_or(at + 1))),
            length @ 1..=63 => {
                let separator = if name.is_empty() { "" } else { "." };
                name.push_str(separator);
                name.push_str(std::str::from_utf8(bytes.get(at + 1..at + 1 + length)?).ok()?);
                at += 1 + length;
            }
            _ => {
                end.get_or_insert(at + 2);
                let to = usize::from(number(bytes, at)? & 0x3fff);
                if to >= at {
                    return None;
                }
                at = to;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Named, question, read};

    fn reply() -> Vec<u8> {
        let mut reply = question(7, "web.service.consul");
        reply.truncate(reply.len() - 11);
        (reply[2], reply[7], reply[11]) = (0x85, 1, 0);
        reply.extend_from_slice(b"\xc0\x0c\0\x21\0\x01\0\0\0\0\0\x0b\0\x01\0\x01\x23\x28\x02n1\xc0\x10");
        reply
    }

    #[test]
    fn targets_and_ports_are_read_through_pointers() {
        let named = read(&reply(), 7, "web.service.consul").unwrap();
        assert_eq!(named, Named { rcode: 0, truncated: false, targets: vec![("n1.service.consul".to_owned(), 9_000)] });
    }

    #[test]
    fn a_reply_to_something_else_or_one_cut_off_makes_no_sense() {
        assert_eq!(read(&reply(), 8, "web.service.consul"), None);
        assert_eq!(read(&reply(), 7, "db.service.consul"), None);
        for length in 0..reply().len() {
            assert_eq!(read(&reply()[..length], 7, "web.service.consul"), None, "{length}");
        }
        assert_eq!(read(&[reply(), vec![0]].concat(), 7, "web.service.consul"), None);
    }
}
