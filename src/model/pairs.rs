//! Free pairs of text (`Meta`), kept small: many rows have them.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Pairs of texts, sorted by key, each key once. Serialized as a map.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pairs(Box<[(Arc<str>, Arc<str>)]>);

impl Pairs {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same pairs as a map of their own.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

impl From<&BTreeMap<String, String>> for Pairs {
    fn from(map: &BTreeMap<String, String>) -> Pairs {
        Pairs(map.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect())
    }
}

impl PartialEq<BTreeMap<String, String>> for Pairs {
    fn eq(&self, other: &BTreeMap<String, String>) -> bool {
        self.iter().eq(other.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
        from.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Pairs, A::Error> {
        let mut map: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        while let Some((key, value)) = from.next_entry()? {
            map.insert(key, value);
        }
        Ok(Pairs(map.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::Pairs;
    use crate::model::codec::{decode, encode};
    use std::collections::BTreeMap;

    #[test]
    fn pairs_are_found_by_key_and_travel_as_a_map() {
        let map: BTreeMap<String, String> = [("rack", "7"), ("az", "b")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let pairs = Pairs::from(&map);
        assert_eq!((pairs.get("rack"), pairs.get("none"), pairs.len()), (Some("7"), None, 2));
        assert_eq!(serde_json::to_string(&pairs).unwrap(), r#"{"az":"b","rack":"7"}"#);
        assert_eq!(decode::<Pairs>("pairs", 1, &encode(1, &pairs)).unwrap(), pairs);
        assert_eq!(decode::<Pairs>("pairs", 1, &encode(1, &map)).unwrap().to_map(), map);
        assert!(pairs == map && !pairs.is_empty());
    }
}
