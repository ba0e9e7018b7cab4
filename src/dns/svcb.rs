//! SVCB and HTTPS records (RFC 9460): where an instance is and which protocols it speaks, for services that say so in their meta.

use crate::agent::query::Instance;
use std::net::IpAddr;

/// The key of a service's meta that has its protocols (IANA "TLS ALPN Protocol IDs"), with commas between them: `h2,http/1.1`.
const ALPN: &str = "alpn";
/// Parameters in the order in which they must stand (RFC 9460 section 14.3.2).
const KEY_ALPN: u16 = 1;
const KEY_PORT: u16 = 3;
const KEY_IPV4_HINT: u16 = 4;
const KEY_IPV6_HINT: u16 = 6;
/// Bytes that all protocols together may have.
const LONGEST_ALPN: usize = 1024;

/// The protocols of an instance. `None` if it says none, or something that cannot be written: an empty one, one of more than 255 bytes, or very many.
pub(super) fn alpn_of(instance: &Instance) -> Option<&str> {
    let alpn = instance.service.meta().get(ALPN)?;
    let sound = alpn.len() <= LONGEST_ALPN && protocols(alpn).all(|protocol| (1..=255).contains(&protocol.len()));
    sound.then_some(alpn)
}

fn protocols(alpn: &str) -> impl Iterator<Item = &str> {
    alpn.split(',').map(str::trim)
}

/// Appends the parameters of a record.
pub(super) fn push_params(to: &mut Vec<u8>, alpn: &str, port: u16, hint: Option<IpAddr>) {
    param(to, KEY_ALPN, |to| {
        for protocol in protocols(alpn) {
            to.push(protocol.len() as u8);
            to.extend_from_slice(protocol.as_bytes());
        }
    });
    param(to, KEY_PORT, |to| to.extend_from_slice(&port.to_be_bytes()));
    match hint {
        Some(IpAddr::V4(address)) => param(to, KEY_IPV4_HINT, |to| to.extend_from_slice(&address.octets())),
        Some(IpAddr::V6(address)) => param(to, KEY_IPV6_HINT, |to| to.extend_from_slice(&address.octets())),
        None => {}
    }
}

fn param(to: &mut Vec<u8>, key: u16, value: impl FnOnce(&mut Vec<u8>)) {
    to.extend_from_slice(&key.to_be_bytes());
    let at = to.len();
    to.extend_from_slice(&[0, 0]);
    value(to);
    let length = (to.len() - at - 2) as u16;
    to[at..at + 2].copy_from_slice(&length.to_be_bytes());
}
