//! What a question says beyond DNS's first version: EDNS (RFC 6891), client subnets (RFC 7871), cookies (RFC 7873).

use super::cookie::{CLIENT_COOKIE, FullCookie};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Option codes (IANA "DNS EDNS0 Option Codes").
pub(super) const SUBNET: u16 = 8;
pub(super) const COOKIE: u16 = 10;
pub(super) const EXTENDED_ERROR: u16 = 15;

/// A question's OPT record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns<'a> {
    /// Bytes of the longest datagram the asker takes, as it said.
    pub udp_size: u16,
    /// Whose question it is.
    pub subnet: Option<Subnet<'a>>,
    /// Its cookie.
    pub cookie: Option<Cookie<'a>>,
}

/// Where a question comes from, behind the resolver that asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet<'a> {
    /// The address; its bits behind the prefix are zero. `None` if the asker wants none to be used.
    pub address: Option<IpAddr>,
    /// How many bits of it are known.
    pub prefix: u8,
    /// The option as it came, to be echoed.
    pub(super) option: &'a [u8],
}

/// What an asker recognises answers by, and what it was given to be recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The asker's own.
    pub client: [u8; CLIENT_COOKIE],
    /// What a server gave it, of 8 to 32 bytes; empty if none has yet.
    pub server: &'a [u8],
}

/// An option that is not as its RFC says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadOption;

impl<'a> Edns<'a> {
    /// Reads an OPT record's data. Options that we do not know are passed over; of one that is there twice the first counts.
    pub(super) fn read(udp_size: u16, mut options: &'a [u8]) -> Result<Edns<'a>, BadOption> {
        let mut edns = Edns { udp_size, subnet: None, cookie: None };
        while !options.is_empty() {
            let (head, rest) = options.split_at_checked(4).ok_or(BadOption)?;
            let (code, length) = (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
            let (option, rest) = rest.split_at_checked(length).ok_or(BadOption)?;
            match code {
                SUBNET if edns.subnet.is_none() => edns.subnet = Some(Subnet::read(option)?),
                COOKIE if edns.cookie.is_none() => edns.cookie = Some(Cookie::read(option)?),
                _ => {}
            }
            options = rest;
        }
        Ok(edns)
    }
}

impl<'a> Subnet<'a> {
    /// RFC 7871 section 6: exactly the bytes of the prefix, the bits behind it zero, no scope in a question.
    fn read(option: &'a [u8]) -> Result<Subnet<'a>, BadOption> {
        let &[0, family, prefix, 0, ref bytes @ ..] = option else { return Err(BadOption) };
        if bytes.len() != usize::from(prefix).div_ceil(8) {
            return Err(BadOption);
        }
        let spare = (bytes.len() * 8) as u32 - u32::from(prefix);
        if bytes.last().is_some_and(|last| last.trailing_zeros() < spare) {
            return Err(BadOption);
        }
        let address = match family {
            0 if prefix == 0 => None,
            1 => Some(IpAddr::V4(Ipv4Addr::from(filled::<4>(bytes)?))),
            2 => Some(IpAddr::V6(Ipv6Addr::from(filled::<16>(bytes)?))),
            _ => return Err(BadOption),
        };
        Ok(Subnet { address: address.filter(|_| prefix > 0), prefix, option })
    }
}

/// Bytes and zeros behind them.
fn filled<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BadOption> {
    let mut whole = [0; N];
    whole.get_mut(..bytes.len()).ok_or(BadOption)?.copy_from_slice(bytes);
    Ok(whole)
}

impl<'a> Cookie<'a> {
    /// RFC 7873 section 4: 8 bytes, or 8 and 8 to 32 more.
    fn read(option: &'a [u8]) -> Result<Cookie<'a>, BadOption> {
        let (client, server) = option.split_first_chunk::<CLIENT_COOKIE>().ok_or(BadOption)?;
        match server.len() {
            0 | 8..=32 => Ok(Cookie { client: *client, server }),
            _ => Err(BadOption),
        }
    }
}

/// Why an answer is as it is (RFC 8914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// Code 0: only the text says it.
    Other,
    /// Code 3: from before contact with the servers was lost.
    StaleAnswer,
    /// Code 19: the same, and there was no such name.
    StaleNxDomain,
    /// Code 20: the name is not in a zone of ours and nobody else is asked.
    NotAuthoritative,
    /// Code 22: no server, or no recursor, could be asked.
    NoReachableAuthority,
}

impl Explained {
    /// Its code.
    pub const fn code(self) -> u16 {
        match self {
            Explained::Other => 0,
            Explained::StaleAnswer => 3,
            Explained::StaleNxDomain => 19,
            Explained::NotAuthoritative => 20,
            Explained::NoReachableAuthority => 22,
        }
    }
}

/// What an answer's OPT record says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt<'a> {
    pub(super) udp_size: u16,
    pub(super) rcode: u16,
    /// The question's subnet and for how many bits of it the answer holds.
    pub(super) subnet: Option<(Subnet<'a>, u8)>,
    pub(super) cookie: Option<FullCookie>,
    pub(super) explained: Option<(Explained, &'a str)>,
}

impl Opt<'_> {
    /// Appends the record.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&[0, 0, 41]);
        to.extend_from_slice(&self.udp_size.to_be_bytes());
        // The upper eight bits of the code, version 0, no flags.
        to.extend_from_slice(&[(self.rcode >> 4) as u8, 0, 0, 0]);
        let length_at = to.len();
        to.extend_from_slice(&[0, 0]);
        if let Some((subnet, scope)) = &self.subnet {
            push_option(to, SUBNET, &[&subnet.option[..3], &[*scope], &subnet.option[4..]]);
        }
        if let Some(cookie) = &self.cookie {
            push_option(to, COOKIE, &[cookie.as_bytes()]);
        }
        if let Some((explained, text)) = self.explained {
            push_option(to, EXTENDED_ERROR, &[&explained.code().to_be_bytes(), text.as_bytes()]);
        }
        let length = (to.len() - length_at - 2) as u16;
        to[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// How many bytes [`Opt::write`] appends.
    pub(super) fn len(&self) -> usize {
        let subnet = self.subnet.map_or(0, |(subnet, _)| 4 + subnet.option.len());
        let cookie = self.cookie.map_or(0, |cookie| 4 + cookie.as_bytes().len());
        11 + subnet + cookie + self.explained.map_or(0, |(_, text)| 6 + text.len())
    }
}

fn push_option(to: &mut Vec<u8>, code: u16, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    to.extend_from_slice(&code.to_be_bytes());
    to.extend_from_slice(&(length as u16).to_be_bytes());
    parts.iter().for_each(|part| to.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::{BadOption, Edns, Explained, Opt};

    #[test]
    fn a_subnet_has_the_bytes_of_its_prefix_and_no_scope() {
        let read = |option: &[u8]| {
            let options = [&[0, 8, 0, option.len() as u8], option].concat();
            Edns::read(4096, &options).map(|edns| edns.subnet.map(|subnet| (subnet.address, subnet.prefix)))
        };
        assert_eq!(read(&[0, 1, 24, 0, 198, 51, 100]), Ok(Some((Some("198.51.100.0".parse().unwrap()), 24))));
        assert_eq!(read(&[0, 2, 33, 0, 0x20, 1, 0xd, 0xb8, 0x80]), Ok(Some((Some("2001:db8:8000::".parse().unwrap()), 33))));
        assert_eq!(read(&[0, 1, 0, 0]), Ok(Some((None, 0))));
        assert_eq!(read(&[0, 0, 0, 0]), Ok(Some((None, 0))));
        for bad in [
            &[0, 1, 24, 0, 198, 51][..],
            &[0, 1, 24, 0, 198, 51, 100, 7],
            &[0, 1, 23, 0, 198, 51, 101],
            &[0, 1, 24, 24, 198, 51, 100],
            &[0, 1, 40, 0, 198, 51, 100, 7, 0],
            &[0, 3, 8, 0, 1],
            &[0, 1],
        ] {
            assert_eq!(read(bad), Err(BadOption), "{bad:?}");
        }
    }

    #[test]
    fn a_cookie_has_its_clients_eight_bytes_and_perhaps_a_servers() {
        let read = |length: usize| {
            let options = [&[0, 10, 0, length as u8][..], &vec![7; length]].concat();
            Edns::read(512, &options).map(|edns| edns.cookie.unwrap().server.len())
        };
        assert_eq!((read(8), read(16), read(40)), (Ok(0), Ok(8), Ok(32)));
        assert!([0, 7, 9, 15, 41].into_iter().all(|length| read(length) == Err(BadOption)));
    }

    #[test]
    fn unknown_options_are_passed_over_but_must_be_whole() {
        assert!(Edns::read(512, &[0, 99, 0, 2, 1, 2, 0, 3, 0, 0]).is_ok());
        assert_eq!(Edns::read(512, &[0, 99, 0, 2, 1]), Err(BadOption));
        assert_eq!(Edns::read(512, &[0, 99, 0]), Err(BadOption));
    }

    #[test]
    fn the_length_that_is_told_is_the_length_that_is_written() {
        let options = [0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100];
        let subnet = Edns::read(4096, &options).unwrap().subnet.unwrap();
        let opt = Opt { udp_size: 4096, rcode: 16, subnet: Some((subnet, 24)), cookie: None, explained: Some((Explained::Other, "why")) };
        let mut bytes = Vec::new();
        opt.write(&mut bytes);
        assert_eq!(bytes.len(), opt.len());
        assert_eq!(bytes[..11], [0, 0, 41, 16, 0, 1, 0, 0, 0, 0, 20]);
        assert_eq!(bytes[11..], *b"\x00\x08\x00\x07\x00\x01\x18\x18\xc6\x33\x64\x00\x0f\x00\x05\x00\x00why");
    }
}
