//! Questions over TCP (RFC 7766): behind their lengths, several of them before the first is answered. What can be answered at once is, in the order
//! of asking; what has to wait is answered when it is ready, and whoever asks tells answers by their ids.

use super::Dns;
use super::answer::{Asker, Desk, Verdict};
use super::counters::{Counters, Event};
use crate::dns::Transport;
use crate::runtime::{Runtime, TcpListener, sleep};
use crate::server::connections::{Admission, Guest, Order, Phase};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// Bytes read ahead on a connection.
const READ_AHEAD: usize = 4_096;
/// Answers are collected up to so many bytes before they are written.
const WRITE_BEHIND: usize = 65_536;
/// Questions of one connection that wait for something; until one is answered no more is read.
const MOST_WAITING: usize = 32;
/// How often idle connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// After a failed accept (as a rule: no more file handles) the next is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of the shortest message that can be answered: a header.
const SHORTEST: usize = 12;

impl<R: Runtime> Dns<R> {
    /// Serves one socket until the agent drains; connections end with it.
    pub(super) async fn serve_tcp(self, listener: R::TcpListener, seat: usize) {
        let connections = &self.shared.connections;
        let mut draining = pin!(connections.draining());
        let mut sweep = Box::pin(sleep::<R>(SWEEP_INTERVAL));
        // Kept from one round to the next: dropping it could lose a connection that is just coming in.
        let mut accept = pin!(listener.accept());
        loop {
            tokio::select! {
                biased;
                () = &mut draining => return,
                () = &mut sweep => {
                    connections.sweep(R::now());
                    sweep = Box::pin(sleep::<R>(SWEEP_INTERVAL));
                }
                accepted = &mut accept => {
                    accept.set(listener.accept());
                    match accepted {
                        Ok((stream, asker)) => self.welcome(stream, asker, seat),
                        Err(error) => {
                            tracing::warn!(%error, "dns: cannot accept a connection");
                            sleep::<R>(ACCEPT_PAUSE).await;
                        }
                    }
                }
            }
        }
    }

    fn welcome(&self, stream: R::TcpStream, asker: SocketAddr, seat: usize) {
        match self.shared.connections.admit(asker.ip().to_canonical(), R::now()) {
            Admission::Admitted(guest) => drop(R::spawn(self.clone().converse(stream, asker, guest, seat))),
            Admission::TooMany | Admission::Full => self.shared.counters(seat).count(Event::ConnectionRefused),
        }
    }

    async fn converse(self, stream: R::TcpStream, asker: SocketAddr, guest: Guest, seat: usize) {
        let counters = self.shared.counters(seat);
        let conversation = Conversation { dns: self.clone(), stream, asker: asker.ip(), guest: &guest, seat };
        let ended = tokio::select! {
            biased;
            ended = conversation.hold() => ended,
            () = guest.activity.ordered(Order::Finish) => match guest.activity.phase() {
                Phase::Arriving => Err(io::ErrorKind::TimedOut.into()),
                Phase::Idle | Phase::Answering => Ok(()),
            },
        };
        if let Err(error) = ended {
            counters.count(Event::ConnectionCut);
            tracing::debug!(%asker, %error, "dns: connection ended");
        }
    }
}

/// One connection.
struct Conversation<'a, R: Runtime> {
    dns: Dns<R>,
    stream: R::TcpStream,
    asker: IpAddr,
    guest: &'a Guest,
    seat: usize,
}

impl<R: Runtime> Conversation<'_, R> {
    /// Talks until the asker has no more questions and all are answered.
    async fn hold(mut self) -> io::Result<()> {
        let (mut read, mut replies) = (Vec::with_capacity(READ_AHEAD), Vec::new());
        let (done, mut answered) = mpsc::channel::<Vec<u8>>(MOST_WAITING);
        let (mut waiting, mut ended) = (0, false);
        loop {
            if !ended || waiting > 0 {
                tokio::select! {
                    biased;
                    Some(reply) = answered.recv(), if waiting > 0 => {
                        waiting -= 1;
                        push(&mut replies, &reply);
                    }
                    arrived = self.stream.read_buf(&mut read), if !ended && waiting < MOST_WAITING => {
                        ended = arrived? == 0;
                    }
                }
            }
            let before = read.len();
            waiting += self.answer_what_came(&mut read, &mut replies, &done, waiting).await?;
            let progress = read.len() < before || !replies.is_empty();
            self.write(&mut replies).await?;
            self.note(progress, !read.is_empty(), waiting);
            if ended && waiting == 0 {
                return if read.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// What the connection is doing now. Bytes of an unfinished question are no progress: it has to be whole in time.
    fn note(&self, progress: bool, unfinished: bool, waiting: usize) {
        let activity = &self.guest.activity;
        let phase = match (unfinished, waiting) {
            (true, _) => Phase::Arriving,
            (false, 0) => Phase::Idle,
            (false, _) => Phase::Answering,
        };
        if progress || activity.phase() != phase {
            activity.enter(phase, R::now());
        }
    }

    /// Answers the questions that are there whole; of those that wait, how many more.
    async fn answer_what_came(
        &mut self,
        read: &mut Vec<u8>,
        replies: &mut Vec<u8>,
        done: &mpsc::Sender<Vec<u8>>,
        waiting: usize,
    ) -> io::Result<usize> {
        let (mut at, mut more, mut desk) = (0, 0, Desk::default());
        while waiting + more < MOST_WAITING {
            let Some((length, rest)) = read[at..].split_first_chunk::<2>() else { break };
            let length = usize::from(u16::from_be_bytes(*length));
            if length < SHORTEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a length that no message has"));
            }
            let Some(message) = rest.get(..length) else { break };
            at += 2 + length;
            match self.dns.answer_now(message, over_tcp(self.asker, self.dns.shared.counters(self.seat)), &mut desk) {
                Verdict::Answered(_) => push(replies, &desk.reply),
                Verdict::Silence => return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is no question")),
                Verdict::Wait => {
                    self.wait_aside(message.to_vec(), done.clone());
                    more += 1;
                }
            }
            if replies.len() > WRITE_BEHIND {
                self.write(replies).await?;
            }
        }
        read.drain(..at);
        Ok(more)
    }

    fn wait_aside(&self, message: Vec<u8>, done: mpsc::Sender<Vec<u8>>) {
        let (dns, asker, seat) = (self.dns.clone(), self.asker, self.seat);
        drop(R::spawn(async move {
            let counters = dns.shared.counters(seat);
            let mut desk = Desk::default();
            // Those who ask over TCP wait for a place: each connection has few questions under way.
            let place = dns.shared.waiting.clone().acquire_owned().await;
            let verdict = dns.answer_in_time(&message, over_tcp(asker, counters), &mut desk).await;
            drop(place);
            let reply = match verdict {
                Verdict::Answered(_) => desk.reply,
                Verdict::Silence | Verdict::Wait => Vec::new(),
            };
            // The connection may be gone.
            let _ = done.send(reply).await;
        }));
    }

    async fn write(&mut self, replies: &mut Vec<u8>) -> io::Result<()> {
        if replies.is_empty() {
            return Ok(());
        }
        self.guest.activity.enter(Phase::Idle, R::now());
        self.stream.write_all(replies).await?;
        replies.clear();
        Ok(())
    }
}

/// Appends a reply behind its length.
fn push(replies: &mut Vec<u8>, reply: &[u8]) {
    let Some(length) = u16::try_from(reply.len()).ok().filter(|length| *length > 0) else { return };
    replies.extend_from_slice(&length.to_be_bytes());
    replies.extend_from_slice(reply);
}

fn over_tcp(address: IpAddr, counters: &Counters) -> Asker<'_> {
    Asker { address, transport: Transport::Tcp, counters }
}
