//! Types of records and response codes (IANA "Domain Name System (DNS) Parameters").

/// What kind of record is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An IPv4 address.
    A,
    /// A server of the zone.
    Ns,
    /// Another name for this one.
    Cname,
    /// The zone.
    Soa,
    /// The name of an address, or an entry of a list (RFC 6763).
    Ptr,
    /// Text.
    Txt,
    /// An IPv6 address.
    Aaaa,
    /// A place of a service (RFC 2782).
    Srv,
    /// A place of a service and how to speak to it (RFC 9460).
    Svcb,
    /// The same for HTTP.
    Https,
    /// Whatever there is.
    Any,
    /// One that we never have.
    Other(u16),
}

const KINDS: [(Kind, u16); 11] = [
    (Kind::A, 1),
    (Kind::Ns, 2),
    (Kind::Cname, 5),
    (Kind::Soa, 6),
    (Kind::Ptr, 12),
    (Kind::Txt, 16),
    (Kind::Aaaa, 28),
    (Kind::Srv, 33),
    (Kind::Svcb, 64),
    (Kind::Https, 65),
    (Kind::Any, 255),
];

impl Kind {
    /// The kind with this number.
    pub fn of(number: u16) -> Kind {
        KINDS.iter().find(|(_, known)| *known == number).map_or(Kind::Other(number), |(kind, _)| *kind)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            Kind::A => 1,
            Kind::Ns => 2,
            Kind::Cname => 5,
            Kind::Soa => 6,
            Kind::Ptr => 12,
            Kind::Txt => 16,
            Kind::Aaaa => 28,
            Kind::Srv => 33,
            Kind::Svcb => 64,
            Kind::Https => 65,
            Kind::Any => 255,
            Kind::Other(number) => number,
        }
    }

    /// Whether a question of this kind asks for no records but for something to be done (transfers) or cannot be asked (OPT, TSIG, ..).
    pub(super) const fn is_operation(self) -> bool {
        matches!(self, Kind::Other(0 | 41 | 249..=254))
    }
}

/// How a question came out (RFC 1035 section 4.1.1, RFC 6891 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// There is such a name.
    NoError,
    /// The message is broken.
    FormErr,
    /// It is not known: the catalog or the recursors could not be asked.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// We never do that.
    NotImp,
    /// Not for this name.
    Refused,
    /// Another version of EDNS than 0.
    BadVers,
    /// A cookie of ours is missing (RFC 7873 section 5.3).
    BadCookie,
}

impl Rcode {
    /// Its number, of twelve bits.
    pub const fn number(self) -> u16 {
        match self {
            Rcode::NoError => 0,
            Rcode::FormErr => 1,
            Rcode::ServFail => 2,
            Rcode::NxDomain => 3,
            Rcode::NotImp => 4,
            Rcode::Refused => 5,
            Rcode::BadVers => 16,
            Rcode::BadCookie => 23,
        }
    }

    /// The word that tools show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rcode::NoError => "NOERROR",
            Rcode::FormErr => "FORMERR",
            Rcode::ServFail => "SERVFAIL",
            Rcode::NxDomain => "NXDOMAIN",
            Rcode::NotImp => "NOTIMP",
            Rcode::Refused => "REFUSED",
            Rcode::BadVers => "BADVERS",
            Rcode::BadCookie => "BADCOOKIE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind};

    #[test]
    fn kinds_and_numbers_belong_together() {
        assert!(KINDS.iter().all(|(kind, number)| kind.number() == *number && Kind::of(*number) == *kind));
        assert!((0..=u16::MAX).all(|number| Kind::of(number).number() == number));
        assert!(Kind::of(252).is_operation() && !Kind::of(15).is_operation());
    }
}
