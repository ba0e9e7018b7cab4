//! Which row is at an address: what a reverse look-up asks (RFC 1035 section 3.5).

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;
use std::cmp::Ordering;
use std::net::IpAddr;

/// Rows, by their keys, in the order of the addresses they are at. What is at no address, or at a name, is not among them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Addresses<K: Ord>(OrdSet<(IpAddr, K)>);

/// Less than every row at the address, greater than those at a lower one.
struct Before(IpAddr);

impl<K: Ord + Clone> Addresses<K> {
    /// A row is at the address that `text` writes, if it writes one.
    pub(super) fn put(&mut self, text: &str, key: K) {
        if let Ok(address) = text.parse() {
            self.0.insert((address, key));
        }
    }

    /// It is there no more.
    pub(super) fn take(&mut self, text: &str, key: K) {
        if let Ok(address) = text.parse() {
            self.0.remove(&(address, key));
        }
    }

    /// The row at an address; of several the one whose key comes first.
    pub(super) fn first(&self, address: IpAddr) -> Option<&K> {
        self.0.range(Before(address)..).next().filter(|(at, _)| *at == address).map(|(_, key)| key)
    }
}

impl<K: Ord> Default for Addresses<K> {
    fn default() -> Addresses<K> {
        Addresses(OrdSet::new())
    }
}

impl<K> Comparable<(IpAddr, K)> for Before {
    fn compare(&self, row: &(IpAddr, K)) -> Ordering {
        self.0.cmp(&row.0).then(Ordering::Less)
    }
}

impl<K> Equivalent<(IpAddr, K)> for Before {
    fn equivalent(&self, _: &(IpAddr, K)) -> bool {
        false
    }
}
