//! Names and numbers, parsed once and valid ever after.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Why a name or id was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {value:?} {rule}")]
pub struct IdError {
    /// Which kind of name it was meant to be.
    pub field: &'static str,
    /// What was given.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the name; the error says which rule it breaks.
            pub fn parse(value: &str) -> Result<$name, IdError> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(value) {
                    Ok(()) => Ok($name(value.into())),
                    Err(rule) => Err(IdError { field: $field, value: value.to_owned(), rule }),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<$name, IdError> {
                $name::parse(&value)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a node: 1 to 512 bytes without control characters.
    ///
    /// Consul accepts more than DNS can carry and only warns ([`NodeName::is_dns_safe`]).
    NodeName, "node name", |value| match value {
        "" => Err("must not be empty"),
        v if v.len() > 512 => Err("must not be longer than 512 bytes"),
        v if v.chars().any(char::is_control) => Err("must not hold control characters"),
        _ => Ok(()),
    }
);

impl NodeName {
    /// Whether the name can be one label of a DNS name (RFC 1035 section 2.3.1, digits allowed first).
    pub fn is_dns_safe(&self) -> bool {
        self.0.len() <= 63 && self.0.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }
}

name_type!(
    /// The name of a datacenter: lower-case letters, digits, `-` and `_`, 1 to 64 bytes.
    Datacenter, "datacenter", |value| match value {
        "" => Err("must not be empty"),
        v if v.len() > 64 => Err("must not be longer than 64 bytes"),
        v if !v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_') => {
            Err("must be alphanumeric with underscores and hyphens only")
        }
        _ => Ok(()),
    }
);

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u128);

        impl $name {
            /// The id made of these 128 bits.
            pub const fn from_u128(bits: u128) -> $name {
                $name(bits)
            }

            /// A version 4 UUID (RFC 9562 section 5.4) from 16 random bytes.
            pub fn from_random(bytes: [u8; 16]) -> $name {
                $name(uuid::Builder::from_random_bytes(bytes).into_uuid().as_u128())
            }

            /// Parses the hyphenated form.
            pub fn parse(value: &str) -> Result<$name, IdError> {
                let refused =
                    || IdError { field: $field, value: value.to_owned(), rule: "must be a UUID such as adf4238a-882b-9ddc-4a9d-5b6758e4159e" };
                if value.len() != 36 {
                    return Err(refused());
                }
                uuid::Uuid::parse_str(value).map(|id| $name(id.as_u128())).map_err(|_| refused())
            }

            /// The id's 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_u128(self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

uuid_type!(
    /// A node's identity, a UUID that outlives its name and address. It is also the server's id in Raft.
    NodeId, "node id"
);

uuid_type!(
    /// A session's identity: drawn by the server that takes the request, never used twice.
    SessionId, "session id"
);

impl NodeId {
    /// All ids whose hyphenated form begins with `text`, which has two characters or more; `None` if none can.
    pub fn beginning(text: &str) -> Option<RangeInclusive<NodeId>> {
        if !(2..=36).contains(&text.len()) {
            return None;
        }
        let mut digits = 0;
        let mut bits = 0;
        for (at, byte) in text.bytes().enumerate() {
            match (at, byte) {
                (8 | 13 | 18 | 23, b'-') => {}
                (8 | 13 | 18 | 23, _) => return None,
                (_, byte) => {
                    bits = (bits << 4) | u128::from(char::from(byte).to_digit(16)?);
                    digits += 4;
                }
            }
        }
        let rest = 128 - digits;
        let low = bits.checked_shl(rest).unwrap_or(0);
        let free = 1_u128.checked_shl(rest).map_or(u128::MAX, |end| end - 1);
        Some(NodeId(low)..=NodeId(low | free))
    }
}

/// The place of an entry in the replicated log. Clients see it as `X-Consul-Index` and `ModifyIndex`.
pub type Index = u64;

#[cfg(test)]
mod tests {
    use super::{Datacenter, NodeId, NodeName};

    #[test]
    fn a_refused_name_says_the_field_the_value_and_the_rule() {
        let error = Datacenter::parse("DC one").unwrap_err().to_string();
        assert_eq!(error, "datacenter \"DC one\" must be alphanumeric with underscores and hyphens only");
        assert!(NodeName::parse("").is_err());
        assert!(NodeName::parse("web\n1").is_err());
    }

    #[test]
    fn a_node_id_prints_as_it_was_parsed() {
        let text = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";
        assert_eq!(NodeId::parse(text).unwrap().to_string(), text);
        assert!(NodeId::parse("adf4238a882b9ddc4a9d5b6758e4159e").is_err());
    }

    #[test]
    fn an_id_is_found_by_how_it_begins() {
        let id = NodeId::parse("adf4238a-882b-9ddc-4a9d-5b6758e4159e").unwrap();
        let within = |text: &str| NodeId::beginning(text).map(|ids| ids.contains(&id));
        let text = id.to_string();
        assert!((2..=36).all(|length| within(&text[..length]) == Some(true)));
        assert_eq!(NodeId::beginning(&text), Some(id..=id));
        assert_eq!((within("ADF"), within("ae"), within("adf5")), (Some(true), Some(false), Some(false)));
        assert_eq!((within("a"), within("web"), within("adf4238a8"), within("db-1"), within("")), (None, None, None, None, None));
    }

    #[test]
    fn a_dns_safe_name_has_letters_digits_and_hyphens() {
        assert!(NodeName::parse("web-1").unwrap().is_dns_safe());
        assert!(!NodeName::parse("web_1.example").unwrap().is_dns_safe());
    }
}
