//! Every key a Consul configuration may hold (1.10 to 1.21), what type it is of and what becomes of it here.
//!
//! A key missing here is a mistake in the file. A key listed as [`Effect::NotYet`] is accepted, so that existing files load, and said in
//! the log at start.

mod agent;
mod blocks;
mod elsewhere;

/// The type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// Any number.
    Float,
    /// A string.
    Text,
    /// A string holding a duration with its unit.
    Span,
    /// A list of strings; later sources append.
    Texts,
    /// A map of strings; later sources add and replace keys.
    TextMap,
    /// A service's definition, or a list of them.
    Services,
    /// A check's definition, or a list of them.
    Checks,
    /// A watch, or a list of them.
    Watches,
    /// A block, or list of blocks, that is not looked into.
    Open,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It reaches [`Config`](super::Config) and takes effect when the agent starts.
    Used,
    /// It takes effect when the agent reads its configuration again, too.
    Live,
    /// Accepted without effect in this version.
    NotYet,
    /// Accepted while it says nothing; otherwise it asks for this protection, and the start is refused.
    Unprotected(&'static str),
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its dotted name.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) effect: Effect,
}

const fn used(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, effect: Effect::Used }
}

const fn live(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, effect: Effect::Live }
}

const fn later(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, effect: Effect::NotYet }
}

const fn guard(path: &'static str, kind: Kind, what: &'static str) -> Key {
    Key { path, kind, effect: Effect::Unprotected(what) }
}

const TLS: &str = "TLS";
const ACL: &str = "access control lists";
const GOSSIP_KEY: &str = "gossip encryption";
const CIDRS: &str = "limiting which networks may join";

/// What a look-up of a dotted name found.
pub(super) enum Found {
    /// A key with a value.
    Key(&'static Key),
    /// A block of keys.
    Block,
    /// Nothing of the name.
    Nothing,
}

/// The key or block called `path`, in lower case.
pub(super) fn find(path: &str) -> Found {
    let in_block = |key: &&Key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    match all().find(|key| key.path == path) {
        Some(key) => Found::Key(key),
        None if all().any(|key| in_block(&key)) => Found::Block,
        None => Found::Nothing,
    }
}

/// All keys.
pub(super) fn all() -> impl Iterator<Item = &'static Key> {
    agent::KEYS.iter().chain(blocks::KEYS).chain(elsewhere::KEYS)
}

/// The known key or block most like an unknown one: few edits away, or the same last part in another block.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let names = all().flat_map(|key| key.path.match_indices('.').map(|(dot, _)| &key.path[..dot]).chain([key.path]));
    super::nearest(path, names).or_else(|| {
        let leaf = path.rsplit('.').next().filter(|leaf| leaf.len() > 4)?;
        all().map(|key| key.path).find(|known| known.rsplit('.').next() == Some(leaf))
    })
}

#[cfg(test)]
mod tests {
    use super::{Found, all, find, nearest};
    use std::collections::BTreeSet;

    #[test]
    fn no_key_is_listed_twice_and_none_is_also_a_block() {
        let paths: BTreeSet<_> = all().map(|key| key.path).collect();
        assert_eq!(paths.len(), all().count());
        for path in &paths {
            assert_eq!(*path, path.to_ascii_lowercase());
            assert!(!paths.iter().any(|other| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))), "{path}");
        }
    }

    #[test]
    fn keys_and_blocks_are_found_by_their_dotted_names() {
        assert!(matches!(find("dns_config.soa.min_ttl"), Found::Key(_)));
        assert!(matches!(find("dns_config.soa"), Found::Block));
        assert!(matches!(find("dns_config.so"), Found::Nothing));
    }

    #[test]
    fn a_mistyped_or_misplaced_key_is_recognised() {
        for (given, meant) in [
            ("data_dri", Some("data_dir")),
            ("port", Some("ports")),
            ("raft_multiplier", Some("performance.raft_multiplier")),
            ("dns_config.only_pasing", Some("dns_config.only_passing")),
            ("bogus", None),
        ] {
            assert_eq!(nearest(given), meant);
        }
    }
}
