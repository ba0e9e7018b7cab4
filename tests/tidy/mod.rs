//! Reads every source with syn, so that a rename, a group or a `super::` does not hide an import.

mod bans;
mod floors;
mod names;
mod paths;
mod sizes;
mod source;

#[cfg(test)]
mod broken;

use source::Source;
use std::fmt;

/// A rule broken at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// File and line.
    pub place: String,
    /// Which rule, and how.
    pub what: String,
}

impl Breach {
    /// A breach at this line of a source.
    pub fn at(source: &Source, line: usize, what: impl Into<String>) -> Breach {
        Breach { place: format!("{}:{line}", source.path), what: what.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

fn assert_none(mut breaches: Vec<Breach>) {
    breaches.sort();
    breaches.dedup();
    let listed: Vec<String> = breaches.iter().map(Breach::to_string).collect();
    assert!(listed.is_empty(), "{} breaches of the house's rules:\n{}", listed.len(), listed.join("\n"));
}

#[test]
fn a_floor_imports_only_lower_ones() {
    assert_none(source::below("src").iter().flat_map(floors::breaches).collect());
}

#[test]
fn every_room_stands_on_a_floor() {
    let root = source::below("src").into_iter().find(|s| s.path == "src/lib.rs").expect("a library");
    assert_none(floors::unknown_rooms(&root));
}

#[test]
fn the_world_is_entered_through_the_runtime_only() {
    assert_none(source::below("src").iter().flat_map(bans::breaches).collect());
}

#[test]
fn the_product_does_not_depend_on_the_simulator() {
    let manifest = source::text("Cargo.toml");
    let dependencies = manifest.split("\n[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("dependencies");
    let named: Vec<&str> = dependencies.lines().filter(|l| l.starts_with("madsim") || l.starts_with("sim")).collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let folders = ["src", "sim", "tests", "benches", "fuzz"];
    assert_none(folders.iter().flat_map(|f| source::below(f)).flat_map(|s| sizes::breaches(&s)).collect());
}

#[test]
fn names_say_what_a_thing_is() {
    assert_none(["src", "sim"].iter().flat_map(|f| source::below(f)).flat_map(|s| names::breaches(&s)).collect());
}
