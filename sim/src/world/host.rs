//! A machine: its clock, its disk, its sockets, whether it has power.

use super::NodeClock;
use crate::draws::Draws;
use crate::runtime::Program;
use crate::runtime::disk::Platter;
use crate::runtime::tcp::Listening;
use crate::runtime::udp::Mailbox;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A host's number: the last part of its address 10.0.0.x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who(pub u8);

/// Whoever runs the world: it has no faults.
pub const SUPERVISOR: Who = Who(254);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl Who {
    /// The host's address.
    pub fn ip(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.0))
    }

    /// A socket address of the host.
    pub fn addr(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(), port)
    }

    /// The host that `me` reaches under `ip`; `None` if there can be none.
    pub fn behind(ip: IpAddr, me: Who) -> Option<Who> {
        match ip {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_unspecified() => Some(me),
            IpAddr::V4(v4) => match v4.octets() {
                [10, 0, 0, who] => Some(Who(who)),
                [_, _, _, _] => None,
            },
            IpAddr::V6(_) => None,
        }
    }
}

/// Whether a machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It runs, though perhaps no process on it.
    On,
    /// Off: it answers nothing, and it has forgotten what was only in memory.
    Off,
}

/// First port given to a socket bound to port 0, as Linux has it.
const FIRST_EPHEMERAL: u16 = 32_768;

/// A machine.
pub struct Host {
    /// Whether it runs.
    pub power: Power,
    /// Its clocks.
    pub clock: NodeClock,
    /// What [`muster::runtime::Runtime::random`] draws from.
    pub draws: Draws,
    /// Its disk.
    pub platter: Platter,
    /// Number of the present process: handles of an earlier one are dead.
    pub process: u64,
    /// Bound UDP sockets.
    pub mailboxes: BTreeMap<SocketAddr, Mailbox>,
    /// Listening TCP sockets.
    pub listeners: BTreeMap<SocketAddr, Listening>,
    /// What its programs do, by their names and arguments. A scenario puts them here.
    pub programs: BTreeMap<Vec<String>, Program>,
    who: Who,
    next_port: u16,
}

impl Host {
    /// A new machine, switched on.
    pub fn new(who: Who, seed: u64, now: u64) -> Host {
        let number = u64::from(who.0);
        // It has been up for a while: monotonic clocks of different hosts have nothing to do with one another.
        let uptime = Draws::new(seed, "uptime", number).within(1_000_000_000..1_000_000_000_000);
        Host {
            power: Power::On,
            clock: NodeClock::new(now, uptime),
            draws: Draws::new(seed, "node", number),
            platter: Platter::new(Draws::new(seed, "disk", number)),
            process: 1,
            mailboxes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            programs: BTreeMap::new(),
            who,
            next_port: FIRST_EPHEMERAL,
        }
    }

    /// Whether `ip` is one of the host's own addresses.
    pub fn owns(&self, ip: IpAddr) -> bool {
        ip == self.who.ip() || ip.is_loopback() || ip.is_unspecified()
    }

    /// A port for a socket that asked for any.
    pub fn ephemeral_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_EPHEMERAL);
        port
    }
}

/// Whether a socket at `bound` takes what is sent to `addr`.
pub(crate) fn takes(bound: SocketAddr, addr: SocketAddr) -> bool {
    bound.port() == addr.port() && (bound.ip() == addr.ip() || bound.ip().is_unspecified())
}

/// Whether sockets at `a` and `b` cannot both exist.
pub(crate) fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    takes(a, b) || takes(b, a)
}

#[cfg(test)]
mod tests {
    use super::{Who, collide, takes};

    #[test]
    fn a_wildcard_socket_takes_every_address_and_collides_with_each() {
        let (any, one, other) = ("0.0.0.0:80".parse().unwrap(), Who(1).addr(80), "127.0.0.1:80".parse().unwrap());
        assert!(takes(any, one) && takes(one, one) && !takes(one, other));
        assert!(collide(one, any) && collide(any, one) && !collide(one, other));
    }

    #[test]
    fn loopback_is_oneself_and_foreign_networks_are_nobody() {
        assert_eq!(Who::behind("127.0.0.1".parse().unwrap(), Who(3)), Some(Who(3)));
        assert_eq!(Who::behind(Who(4).ip(), Who(3)), Some(Who(4)));
        assert_eq!(Who::behind("192.168.0.4".parse().unwrap(), Who(3)), None);
        assert_eq!(Who::behind("::1".parse().unwrap(), Who(3)), None);
    }
}
