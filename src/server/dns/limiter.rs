//! Response rate limiting: a forged sender has us send to somebody else, so the answers over UDP to one network are bounded.
//!
//! After Vixie and Schryver, "DNS Response Rate Limiting" (2012): of the answers beyond the bound every second is sent cut short (TC), which an honest
//! asker takes as a reason to come over TCP, where senders cannot be forged; the rest are not sent.

use crate::model::Instant;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Networks told apart within a second; those beyond share one bound.
const MOST_NETWORKS: usize = 65_536;
/// The span over which answers are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is sent.
    Send,
    /// It is sent cut short.
    Slip,
    /// It is not sent.
    Drop,
}

/// The answers of the current second, by network.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    began: Instant,
    sent: BTreeMap<u128, u32>,
    /// Of networks there was no room for.
    others: u32,
}

impl Limiter {
    /// An answer to `asker` is ready; `limit` are sent within a second.
    pub(super) fn pass(&mut self, now: Instant, asker: IpAddr, limit: u32) -> Passage {
        if now.since(self.began) >= WINDOW {
            *self = Limiter { began: now, ..Limiter::default() };
        }
        let full = self.sent.len() >= MOST_NETWORKS;
        let network = network_of(asker);
        let sent = match full && !self.sent.contains_key(&network) {
            true => &mut self.others,
            false => self.sent.entry(network).or_default(),
        };
        *sent = sent.saturating_add(1);
        match sent.saturating_sub(limit) {
            0 => Passage::Send,
            beyond if beyond % 2 == 1 => Passage::Slip,
            _ => Passage::Drop,
        }
    }
}

/// The /24 of an IPv4 address, the /56 of an IPv6 one.
fn network_of(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits() >> 8),
        // A 1 in front keeps it apart from IPv4's.
        IpAddr::V6(address) => address.to_bits() >> 72 | 1 << 100,
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, MOST_NETWORKS, Passage, WINDOW};
    use crate::model::Instant;
    use std::net::{IpAddr, Ipv4Addr};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn beyond_the_bound_every_second_answer_is_cut_short_and_the_rest_are_dropped() {
        let mut limiter = Limiter::default();
        let mut ask = |at: Instant, asker: &str| limiter.pass(at, ip(asker), 2);
        let passages = [1, 2, 3, 4, 5].map(|_| ask(Instant::ZERO, "10.0.0.1"));
        assert_eq!(passages, [Passage::Send, Passage::Send, Passage::Slip, Passage::Drop, Passage::Slip]);
        assert_eq!(ask(Instant::ZERO, "10.0.0.9"), Passage::Drop, "of the same network");
        assert_eq!(ask(Instant::ZERO, "10.0.1.1"), Passage::Send, "of another");
        assert_eq!(ask(Instant::ZERO + WINDOW, "10.0.0.1"), Passage::Send, "a second later");
    }

    #[test]
    fn a_network_of_ipv6_is_a_56th_and_no_network_of_ipv4() {
        let mut limiter = Limiter::default();
        let mut ask = |asker: &str| limiter.pass(Instant::ZERO, ip(asker), 1);
        assert_eq!(ask("2001:db8:0:100::1"), Passage::Send);
        assert_eq!(ask("2001:db8:0:1ff::2"), Passage::Slip);
        assert_eq!(ask("2001:db8:0:200::1"), Passage::Send);
        assert_eq!(ask("::ffff:10.0.0.1"), Passage::Send);
        assert_eq!(ask("10.0.0.2"), Passage::Slip, "the same written otherwise");
        assert_eq!(ask("::a00:0"), Passage::Send);
    }

    #[test]
    fn networks_without_room_share_one_bound() {
        let mut limiter = Limiter::default();
        for network in 0..MOST_NETWORKS as u32 {
            assert_eq!(limiter.pass(Instant::ZERO, Ipv4Addr::from_bits(network << 8).into(), 1), Passage::Send);
        }
        assert_eq!(limiter.pass(Instant::ZERO, ip("200.0.0.1"), 1), Passage::Send);
        assert_eq!(limiter.pass(Instant::ZERO, ip("201.0.0.1"), 1), Passage::Slip);
        assert_eq!(limiter.sent.len(), MOST_NETWORKS);
    }
}
