//! Byte strings: a shared, ordered key, and the way bytes are serialized (as one run, not one element a byte).

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A key of the KV store or a prefix of keys: an opaque byte string, ordered bytewise. Cloning shares it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The key made of these bytes.
    pub fn new(bytes: &[u8]) -> Key {
        Key(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::new(text.as_bytes())
    }
}

impl Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Equal and ordered as the bytes are, so maps of keys are searched with plain bytes.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Key, D::Error> {
        from.deserialize_byte_buf(Run).map(|bytes| Key(bytes.into()))
    }
}

/// `#[serde(with = "octets")]` for a [`bytes::Bytes`] field.
pub mod octets {
    use super::Run;
    use bytes::Bytes;
    use serde::{Deserializer, Serializer};

    /// Writes the bytes as one run.
    pub fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        from.deserialize_byte_buf(Run).map(Bytes::from)
    }
}

struct Run;

impl Visitor<'_> for Run {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a run of bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;
    use crate::model::codec::{decode, encode};
    use std::collections::BTreeMap;

    #[test]
    fn a_key_travels_as_a_length_and_its_bytes() {
        let bytes = encode(1, &Key::new(&[0, 255]));
        assert_eq!(bytes, [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 255]);
        assert_eq!(decode::<Key>("key", 1, &bytes).unwrap(), Key::new(&[0, 255]));
    }

    #[test]
    fn maps_of_keys_are_searched_with_plain_bytes() {
        let map = BTreeMap::from([(Key::from("a"), 1), (Key::from("b"), 2)]);
        assert_eq!(map.get(b"b".as_slice()), Some(&2));
    }

    #[test]
    fn an_unprintable_key_is_shown_escaped() {
        assert_eq!(format!("{:?}", Key::new(b"a\"\x00\xff")), r#""a\"\x00\xff""#);
    }
}
