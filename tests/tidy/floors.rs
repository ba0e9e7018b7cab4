//! Who may import whom.

use super::Breach;
use super::paths::mentions;
use super::source::Source;

/// A room's place: its floor and, on floors whose rooms stand in an order, its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 0 is the lowest.
    pub floor: u8,
    /// A higher step may import a lower one of its floor; rooms on the same step know nothing of each other.
    pub step: u8,
}

const PLACES: [(&str, u8, u8); 17] = [
    ("model", 0, 0),
    ("config", 0, 1),
    ("filter", 1, 0),
    ("gossip", 1, 0),
    ("health", 1, 0),
    ("state", 1, 0),
    ("watch", 1, 0),
    ("api", 2, 0),
    ("agent", 3, 0),
    ("dns", 3, 1),
    ("runtime", 4, 0),
    ("rpc", 4, 1),
    ("raft", 4, 2),
    ("server", 5, 0),
    ("cli", 6, 0),
    ("main", 6, 1),
    ("lib", 6, 2),
];

/// Where a room stands, if it has a place in the house.
pub fn place(room: &str) -> Option<Place> {
    PLACES.iter().find(|(name, _, _)| *name == room).map(|&(_, floor, step)| Place { floor, step })
}

/// Imports that go up or sideways.
pub fn breaches(source: &Source) -> Vec<Breach> {
    let from = source.room();
    let ours = mentions(source).into_iter().filter(|m| m.path.first().is_some_and(|first| first == "crate"));
    ours.filter_map(|mention| {
        let what = match mention.path.get(1) {
            None if mention.glob => "a glob import of the crate's root hides which rooms are used".to_owned(),
            None => return None,
            Some(to) if may_import(from, to) => return None,
            Some(to) => format!("`{from}` must not import `{to}`: {}", mention.path.join("::")),
        };
        Some(Breach::at(source, mention.line, what))
    })
    .collect()
}

/// Whether `from` may name something of `to`. What is no room is an item of the root itself, which anyone may name.
fn may_import(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    match (place(from), place(to)) {
        (Some(from), Some(to)) => to.floor < from.floor || (to.floor == from.floor && to.step < from.step),
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// Modules of the root that have no place in the house.
pub fn unknown_rooms(root: &Source) -> Vec<Breach> {
    let modules = root.tree.items.iter().filter_map(|item| if let syn::Item::Mod(m) = item { Some(m) } else { None });
    let unknown = modules.filter(|m| place(&m.ident.to_string()).is_none());
    unknown.map(|m| Breach::at(root, m.ident.span().start().line, format!("`{}` stands on no floor: give it a place", m.ident))).collect()
}
