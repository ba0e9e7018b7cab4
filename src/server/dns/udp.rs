//! Questions in datagrams: as many tasks as there are processors, each with a socket of its own at the one address. What can be answered at once is
//! answered by the task that received it; what has to wait gets a task of its own, and of those there is a bounded number.

use super::answer::{Asker, Desk, Verdict};
use super::counters::{Counters, Event};
use super::limiter::Passage;
use super::recursor::cut_short;
use super::{Dns, LONGEST_WAIT_LIST};
use crate::dns::Standing;
use crate::dns::Transport;
use crate::runtime::{Runtime, UdpSocket, sleep};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of the longest datagram.
const LONGEST: usize = 65_535;
/// After a failed receive the next is tried this much later. The kernel tells such things as that an earlier answer could not be delivered.
const PAUSE: Duration = Duration::from_millis(1);

impl<R: Runtime> Dns<R> {
    /// Answers what comes to one socket, for ever. `seat` is the place of this task's counts.
    pub(super) async fn serve_udp(self, socket: R::UdpSocket, seat: usize) {
        let socket = Arc::new(socket);
        let (mut message, mut desk) = (vec![0; LONGEST], Desk::default());
        loop {
            let (length, asker) = match socket.recv_from(&mut message).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(%error, "dns: cannot receive");
                    sleep::<R>(PAUSE).await;
                    continue;
                }
            };
            let counters = self.shared.counters(seat);
            match self.answer_now(&message[..length], at(asker, counters), &mut desk) {
                Verdict::Answered(standing) => self.send(&socket, asker, standing, counters, &mut desk.reply).await,
                Verdict::Silence => {}
                Verdict::Wait => self.wait_aside(&socket, message[..length].to_vec(), asker, seat),
            }
        }
    }

    /// Has a question answered by a task of its own; if there are too many of those, not at all: the asker will ask again.
    fn wait_aside(&self, socket: &Arc<R::UdpSocket>, message: Vec<u8>, asker: SocketAddr, seat: usize) {
        let Ok(place) = self.shared.waiting.clone().try_acquire_owned() else {
            self.shared.counters(seat).count(Event::Overloaded);
            tracing::debug!(most = LONGEST_WAIT_LIST, "dns: too many questions wait, one more is dropped");
            return;
        };
        let (dns, socket) = (self.clone(), socket.clone());
        drop(R::spawn(async move {
            let counters = dns.shared.counters(seat);
            let mut desk = Desk::default();
            match dns.answer_in_time(&message, at(asker, counters), &mut desk).await {
                Verdict::Answered(standing) => dns.send(&socket, asker, standing, counters, &mut desk.reply).await,
                Verdict::Silence | Verdict::Wait => {}
            }
            drop(place);
        }));
    }

    async fn send(&self, socket: &R::UdpSocket, asker: SocketAddr, standing: Standing, counters: &Counters, reply: &mut Vec<u8>) {
        if !self.passes(asker, standing, counters, reply) {
            return;
        }
        if let Err(error) = socket.send_to(reply, asker).await {
            counters.count(Event::SendFailed);
            tracing::debug!(%asker, %error, "dns: an answer cannot be sent");
        }
    }

    /// Whether an answer may be sent to a network that may be forged; it may have been cut short for that.
    fn passes(&self, asker: SocketAddr, standing: Standing, counters: &Counters, reply: &mut Vec<u8>) -> bool {
        let limit = self.shared.current.load().rate_limit;
        // Nobody from outside can forge an asker on this host, nor one that shows our cookie.
        if limit == 0 || standing == Standing::Known || asker.ip().to_canonical().is_loopback() {
            return true;
        }
        match self.shared.limiter().pass(R::now(), asker.ip(), limit) {
            Passage::Send => true,
            Passage::Slip => {
                counters.count(Event::RateSlipped);
                cut_short(reply);
                true
            }
            Passage::Drop => {
                counters.count(Event::RateLimited);
                false
            }
        }
    }
}

fn at(asker: SocketAddr, counters: &Counters) -> Asker<'_> {
    Asker { address: asker.ip(), transport: Transport::Udp, counters }
}
