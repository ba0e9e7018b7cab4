//! DNS cookies (RFC 7873) as all servers make them alike (RFC 9018): who shows one was seen at its address before, so its address is not forged.

use super::edns::Cookie;
use std::net::IpAddr;

/// Bytes of an asker's own cookie.
pub const CLIENT_COOKIE: usize = 8;
/// Bytes of a server's.
const SERVER_COOKIE: usize = 16;
/// How long a cookie holds, in seconds, and how far a clock may be ahead of ours (RFC 9018 section 4.3).
const HOLDS: u32 = 3600;
const AHEAD: u32 = 300;

/// An asker's cookie and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullCookie([u8; CLIENT_COOKIE + SERVER_COOKIE]);

impl FullCookie {
    /// The option's bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What makes cookies unguessable. Servers behind one address share it.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieSecret([u8; 16]);

/// Never shown.
impl std::fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieSecret(..)")
    }
}

/// What an asker's cookie shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: it has none of ours yet, or an old or wrong one.
    Unknown,
    /// We gave it to this address within the last hour.
    Known,
}

impl CookieSecret {
    /// From 16 random bytes.
    pub const fn new(bytes: [u8; 16]) -> CookieSecret {
        CookieSecret(bytes)
    }

    /// The cookie for an asker at `from`, made at `now` in seconds since 1970.
    pub fn make(&self, client: [u8; CLIENT_COOKIE], from: IpAddr, now: u32) -> FullCookie {
        let mut full = [0; CLIENT_COOKIE + SERVER_COOKIE];
        full[..8].copy_from_slice(&client);
        full[8] = 1;
        full[12..16].copy_from_slice(&now.to_be_bytes());
        let hash = self.hash(&full[..16], from);
        full[16..].copy_from_slice(&hash);
        FullCookie(full)
    }

    /// Whether we gave an asker at `from` the cookie it shows, within the last hour.
    pub fn judge(&self, cookie: &Cookie<'_>, from: IpAddr, now: u32) -> Standing {
        let &[1, _, _, _, t0, t1, t2, t3, ref hash @ ..] = cookie.server else { return Standing::Unknown };
        // Serial arithmetic (RFC 1982): the counter wraps in 2106.
        let age = now.wrapping_sub(u32::from_be_bytes([t0, t1, t2, t3])) as i32;
        if !(-(AHEAD as i32)..=HOLDS as i32).contains(&age) || hash.len() != 8 {
            return Standing::Unknown;
        }
        let mut hashed = [0; 16];
        hashed[..8].copy_from_slice(&cookie.client);
        hashed[8..].copy_from_slice(&cookie.server[..8]);
        let differing = self.hash(&hashed, from).iter().zip(hash).fold(0, |differing, (ours, theirs)| differing | (ours ^ theirs));
        if differing == 0 { Standing::Known } else { Standing::Unknown }
    }

    /// RFC 9018 section 4.4: the client's cookie, version, reserved bytes and time, and the address, through SipHash-2-4.
    fn hash(&self, front: &[u8], from: IpAddr) -> [u8; 8] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(front);
        let length = match from {
            IpAddr::V4(address) => {
                bytes[16..20].copy_from_slice(&address.octets());
                20
            }
            IpAddr::V6(address) => {
                bytes[16..].copy_from_slice(&address.octets());
                32
            }
        };
        siphash(&self.0, &bytes[..length]).to_le_bytes()
    }
}

/// SipHash-2-4 (Aumasson and Bernstein 2012).
fn siphash(key: &[u8; 16], bytes: &[u8]) -> u64 {
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| key[at + i]));
    let (k0, k1) = (word(0), word(8));
    let mut v = [k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d, k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573];
    let take = |v: &mut [u64; 4], m: u64| {
        v[3] ^= m;
        round(v);
        round(v);
        v[0] ^= m;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|m| take(&mut v, u64::from_le_bytes(*m)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    take(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::{CookieSecret, Standing, siphash};
    use crate::dns::edns::Cookie;
    use std::net::IpAddr;

    /// RFC 9018 appendix A.1.
    const SECRET: [u8; 16] = [0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf];
    const CLIENT: [u8; 8] = [0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57];
    const SERVER: [u8; 16] = [0x01, 0, 0, 0, 0x5c, 0xf7, 0x9f, 0x11, 0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80];
    const MADE: u32 = 1_559_731_985;

    fn from() -> IpAddr {
        "198.51.100.100".parse().unwrap()
    }

    #[test]
    fn siphash_is_as_its_authors_published_it() {
        let key = std::array::from_fn(|i| i as u8);
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(&key, &message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn cookies_are_those_of_every_other_server() {
        let full = CookieSecret::new(SECRET).make(CLIENT, from(), MADE);
        assert_eq!(full.as_bytes(), [&CLIENT[..], &SERVER].concat());
    }

    #[test]
    fn a_cookie_holds_an_hour_at_its_address() {
        let secret = CookieSecret::new(SECRET);
        let judge = |server: &[u8], from: &str, now: u32| secret.judge(&Cookie { client: CLIENT, server }, from.parse().unwrap(), now);
        let here = "198.51.100.100";
        for (now, standing) in [
            (MADE - 301, Standing::Unknown),
            (MADE - 300, Standing::Known),
            (MADE, Standing::Known),
            (MADE + 3600, Standing::Known),
            (MADE + 3601, Standing::Unknown),
        ] {
            assert_eq!(judge(&SERVER, here, now), standing, "{now}");
        }
        assert_eq!(judge(&SERVER, "198.51.100.101", MADE), Standing::Unknown);
        let mut forged = SERVER;
        forged[15] ^= 1;
        for wrong in [&forged[..], &SERVER[..8], &[], &[2; 16], &[&SERVER[..], &[0]].concat()] {
            assert_eq!(judge(wrong, here, MADE), Standing::Unknown, "{wrong:?}");
        }
        assert_eq!(CookieSecret::new([0; 16]).judge(&Cookie { client: CLIENT, server: &SERVER }, from(), MADE), Standing::Unknown);
    }
}
