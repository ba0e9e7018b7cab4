//! Asking others for names that are not ours.
//!
//! One question is one socket of its own, whose port the kernel draws, and an id that is drawn here: whoever forges an answer has to guess both
//! (RFC 5452). The question is passed on as it came, so what it says by EDNS reaches the recursor.

mod message;

pub(super) use message::cut_short;

use super::counters::{Counters, Event};
use crate::config::RecursorStrategy;
use crate::dns::{Transport, Verdict, judge, with_id};
use crate::runtime::{Runtime, UdpSocket, timeout};
use message::adopt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of the longest datagram a recursor could send.
const LONGEST_DATAGRAM: usize = 65_535;
/// Datagrams that answer something else, after which a recursor is given up: somebody is guessing.
const MOST_MISMATCHES: u32 = 16;

/// Whom to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recursors {
    /// Where they are. None of them is this agent.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) strategy: RecursorStrategy,
    /// How long to wait for each.
    pub(super) timeout: Duration,
}

impl Recursors {
    /// Passes on `query`, a whole message, and gives the first answer, its id being the query's; `None` if nobody has one. The order is that of the
    /// list or a drawn one; who refuses, fails, or is silent for the time allowed is followed by the next.
    pub(super) async fn ask<R: Runtime>(&self, query: &[u8], transport: Transport, counters: &Counters) -> Option<Vec<u8>> {
        counters.count(Event::RecursiveQuery);
        let id = u16::from_be_bytes([query[0], query[1]]);
        let mut asked = query.to_vec();
        for recursor in self.order::<R>() {
            with_id(&mut asked, R::random() as u16);
            let exchange = async {
                match transport {
                    Transport::Udp => over_udp::<R>(recursor, &asked, counters).await,
                    Transport::Tcp => over_tcp::<R>(recursor, &asked).await,
                }
            };
            match timeout::<R, _>(self.timeout, exchange).await {
                Ok(Ok(mut reply)) => match judge(&asked, &reply) {
                    Verdict::Answers | Verdict::Truncated => {
                        adopt(&mut reply, id);
                        return Some(reply);
                    }
                    Verdict::Fails => tracing::debug!(%recursor, code = reply[3] & 0x0f, "dns: a recursor declined"),
                    Verdict::Foreign => counters.count(Event::RecursorMismatch),
                },
                Ok(Err(error)) => tracing::debug!(%recursor, %error, "dns: a recursor cannot be asked"),
                Err(_) => tracing::debug!(%recursor, "dns: a recursor is silent"),
            }
        }
        counters.count(Event::RecursionFailed);
        None
    }

    fn order<R: Runtime>(&self) -> Vec<SocketAddr> {
        let mut order = self.addresses.clone();
        match self.strategy {
            RecursorStrategy::Sequential => {}
            RecursorStrategy::Random => {
                for last in (1..order.len()).rev() {
                    order.swap(last, (R::random() % (last as u64 + 1)) as usize);
                }
            }
        }
        order
    }
}

async fn over_udp<R: Runtime>(recursor: SocketAddr, query: &[u8], counters: &Counters) -> io::Result<Vec<u8>> {
    let any: IpAddr = if recursor.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = R::udp_bind(SocketAddr::new(any, 0)).await?;
    socket.connect(recursor).await?;
    socket.send_to(query, recursor).await?;
    let mut buffer = vec![0; LONGEST_DATAGRAM];
    for _ in 0..MOST_MISMATCHES {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        if from == recursor && judge(query, &buffer[..length]) != Verdict::Foreign {
            buffer.truncate(length);
            buffer.shrink_to_fit();
            return Ok(buffer);
        }
        counters.count(Event::RecursorMismatch);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "too many answers to other questions"))
}

async fn over_tcp<R: Runtime>(recursor: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = R::tcp_connect(recursor).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    // In one write: some servers take a length that comes alone for a whole message (RFC 7766 section 8).
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}

#[cfg(test)]
mod tests;
