//! The one encoding of everything that leaves memory: a version byte, then bincode (fixed little-endian integers).
//!
//! Frames, log records, snapshots and files all pass through here, so there is one place that can refuse or upgrade a version.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes were not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Nothing there at all.
    #[error("{what}: empty")]
    Empty {
        /// What was being read.
        what: &'static str,
    },
    /// Written by a newer release than this one.
    #[error("{what}: version {found} is newer than {known}, the newest this release reads")]
    NewerVersion {
        /// What was being read.
        what: &'static str,
        /// The version byte found.
        found: u8,
        /// The newest version known here.
        known: u8,
    },
    /// Longer than the bound, or not what was expected.
    #[error("{what}: {reason}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// bincode's account.
        reason: String,
    },
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding()
}

/// Appends `version` and `value` to `out`.
///
/// # Panics
/// If `value` cannot be serialized: our own types always can, so that is a bug.
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, version: u8, value: &T) {
    out.push(version);
    options().serialize_into(out, value).expect("our own types serialize");
}

/// `version` and `value` as bytes.
pub fn encode<T: Serialize + ?Sized>(version: u8, value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(&mut out, version, value);
    out
}

/// [`encode_into`] with integers, lengths and tags as short as they allow (bincode's varint): for datagrams, where each byte counts.
///
/// # Panics
/// If `value` cannot be serialized: our own types always can, so that is a bug.
pub fn encode_compact_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, version: u8, value: &T) {
    out.push(version);
    bincode::DefaultOptions::new().serialize_into(out, value).expect("our own types serialize");
}

/// Reads what [`encode_compact_into`] wrote, under the rules of [`decode`].
pub fn decode_compact<T: DeserializeOwned>(what: &'static str, known: u8, bytes: &[u8]) -> Result<T, CodecError> {
    decode_with(bincode::DefaultOptions::new(), what, known, bytes)
}

/// Reads what [`encode`] wrote: all of `bytes`, of a version up to `known`.
///
/// `what` names the thing in errors. The input bounds the memory used: a length inside that claims more than is there is refused.
pub fn decode<T: DeserializeOwned>(what: &'static str, known: u8, bytes: &[u8]) -> Result<T, CodecError> {
    decode_with(options(), what, known, bytes)
}

fn decode_with<T: DeserializeOwned>(options: impl Options, what: &'static str, known: u8, bytes: &[u8]) -> Result<T, CodecError> {
    let (&found, body) = bytes.split_first().ok_or(CodecError::Empty { what })?;
    if found > known {
        return Err(CodecError::NewerVersion { what, found, known });
    }
    let limit = body.len() as u64;
    let read = options.with_limit(limit).deserialize(body);
    read.map_err(|e| CodecError::Malformed { what, reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::{CodecError, decode, decode_compact, encode, encode_compact_into};

    #[test]
    fn what_was_encoded_is_decoded() {
        let bytes = encode(1, &("key", 7u64));
        assert_eq!(decode::<(String, u64)>("pair", 1, &bytes).unwrap(), ("key".to_owned(), 7));
    }

    #[test]
    fn the_compact_form_is_shorter_and_reads_back() {
        let mut bytes = Vec::new();
        encode_compact_into(&mut bytes, 1, &("key", 7u64));
        assert_eq!(bytes.len(), 1 + 1 + 3 + 1);
        assert_eq!(decode_compact::<(String, u64)>("pair", 1, &bytes).unwrap(), ("key".to_owned(), 7));
        assert!(decode_compact::<(String, u64)>("pair", 1, &bytes[..5]).is_err());
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let bytes = encode(2, &7u64);
        let error = decode::<u64>("vote", 1, &bytes).unwrap_err();
        assert_eq!(error, CodecError::NewerVersion { what: "vote", found: 2, known: 1 });
    }

    #[test]
    fn a_length_beyond_the_input_is_refused_without_allocating_it() {
        let mut bytes = encode(1, &vec![1u8, 2, 3]);
        bytes[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(decode::<Vec<u8>>("bytes", 1, &bytes), Err(CodecError::Malformed { .. })));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(1, &7u64);
        bytes.push(0);
        assert!(decode::<u64>("number", 1, &bytes).is_err());
    }
}
