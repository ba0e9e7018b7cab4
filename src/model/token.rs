//! The fencing token of a lock.

use super::{IdError, Index, Key, SessionId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the holder of a lock shows to those it changes something at, so that they can tell whether it holds the lock still (Chubby's sequencer,
/// section 2.4 of the paper).
///
/// It is a function of the locked entry: no lock has the same token as an earlier one, not even one of the same session on a key that was deleted
/// and made anew meanwhile. Its text is `<Session>.<CreateIndex>.<LockIndex>.<key>`, the key in base64 without padding (RFC 4648 section 5), so it
/// needs no escaping in an address or a header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockToken {
    /// Who holds the lock.
    pub session: SessionId,
    /// The locked key.
    pub key: Key,
    /// When the key came to be.
    pub create_index: Index,
    /// How often it had been locked by then, this time included.
    pub lock_index: u64,
}

impl LockToken {
    /// Parses the text form; the error says what it looks like.
    pub fn parse(value: &str) -> Result<LockToken, IdError> {
        let refused = || IdError {
            field: "lock token",
            value: value.to_owned(),
            rule: "must be <session>.<create index>.<lock index>.<key in base64>",
        };
        let number = |part: Option<&str>| part?.parse::<u64>().ok();
        let mut parts = value.splitn(4, '.');
        let session = parts.next().and_then(|part| SessionId::parse(part).ok()).ok_or_else(refused)?;
        let create_index = number(parts.next()).ok_or_else(refused)?;
        let lock_index = number(parts.next()).ok_or_else(refused)?;
        let key = parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or_else(refused)?;
        Ok(LockToken { session, key: Key::new(&key), create_index, lock_index })
    }
}

impl fmt::Display for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.session, self.create_index, self.lock_index, URL_SAFE_NO_PAD.encode(&*self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::LockToken;
    use crate::model::{Key, SessionId};
    use proptest::prelude::{any, proptest};

    #[test]
    fn a_token_is_text_that_needs_no_escaping() {
        let token = LockToken { session: SessionId::from_u128(7), key: Key::new(b"a/\xff?"), create_index: 12, lock_index: 3 };
        assert_eq!(token.to_string(), "00000000-0000-0000-0000-000000000007.12.3.YS__Pw");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let session = SessionId::from_u128(7);
        for text in [
            "",
            "x",
            "7.1.1.YQ",
            &format!("{session}"),
            &format!("{session}.1.1"),
            &format!("{session}.-1.1.YQ"),
            &format!("{session}.1.1.Y="),
        ] {
            assert!(LockToken::parse(text).unwrap_err().to_string().contains("lock token"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(session in any::<u128>(), key in any::<Vec<u8>>(), create_index in any::<u64>(), lock_index in any::<u64>()) {
            let token = LockToken { session: SessionId::from_u128(session), key: Key::new(&key), create_index, lock_index };
            assert_eq!(LockToken::parse(&token.to_string()), Ok(token));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = LockToken::parse(&text);
        }
    }
}
