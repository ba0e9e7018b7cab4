//! One source's settings, checked against the table of keys; and how sources add up.

use super::definition::{self, DefinitionError};
use super::error::{ConfigError, Problem};
use super::keys::{self, Effect, Found, Key, Kind};
use super::place::{Place, Placed};
use super::tree::{Object, Tree};
use super::watch::{Watch, watch_from_file};
use crate::model::{CheckDefinition, ServiceDefinition, duration};
use std::collections::BTreeMap;
use std::time::Duration;

/// The value of one key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Span(Duration),
    Texts(Vec<String>),
    TextMap(BTreeMap<String, String>),
    Services(Vec<Placed<ServiceDefinition>>),
    Checks(Vec<Placed<CheckDefinition>>),
    Watches(Vec<Watch>),
    Open(Vec<Tree>),
}

impl Setting {
    /// Whether it asks for something: true, above zero, not empty.
    fn says_something(&self) -> bool {
        match self {
            Setting::Bool(on) => *on,
            Setting::Int(n) => *n > 0,
            Setting::Float(x) => *x > 0.0,
            Setting::Text(text) => !text.is_empty(),
            Setting::Span(d) => !d.is_zero(),
            Setting::Texts(texts) => !texts.is_empty(),
            Setting::TextMap(map) => !map.is_empty(),
            Setting::Services(services) => !services.is_empty(),
            Setting::Checks(checks) => !checks.is_empty(),
            Setting::Watches(watches) => !watches.is_empty(),
            Setting::Open(trees) => !trees.iter().all(Tree::is_blank),
        }
    }
}

/// Settings by dotted name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Reads what one file or fragment says; every mistake in it is told.
    pub(super) fn read(source: &str, object: &Object) -> Result<Settings, ConfigError> {
        let (mut settings, mut problems) = (Settings::default(), Vec::new());
        settings.walk(source, object, "", &mut problems);
        if problems.is_empty() { Ok(settings) } else { Err(ConfigError { source: Some(source.to_owned()), problems }) }
    }

    fn walk(&mut self, source: &str, object: &Object, block: &str, problems: &mut Vec<Problem>) {
        for (name, tree) in object {
            let separator = if block.is_empty() { "" } else { "." };
            let path = format!("{block}{separator}{}", name.to_ascii_lowercase());
            match (keys::find(&path), tree) {
                (Found::Key(_) | Found::Block, Tree::Null) => {}
                (Found::Key(key), tree) if key.kind == Kind::Services => {
                    let services = definitions(source, key, tree, definition::service_from_file, problems);
                    self.add(key, Setting::Services(services));
                }
                (Found::Key(key), tree) if key.kind == Kind::Checks => {
                    let checks = definitions(source, key, tree, definition::check_from_file, problems);
                    self.add(key, Setting::Checks(checks));
                }
                (Found::Key(key), tree) if key.kind == Kind::Watches => {
                    let watches = definitions(source, key, tree, watch_from_file, problems);
                    self.add(key, Setting::Watches(watches.into_iter().map(|watch| watch.definition).collect()));
                }
                (Found::Key(key), tree) => match setting(key, tree) {
                    Ok(setting) => self.add(key, setting),
                    Err(problem) => problems.push(problem),
                },
                (Found::Block, Tree::Object(inner)) => self.walk(source, inner, &path, problems),
                (Found::Block, Tree::List(blocks)) if blocks.iter().all(|b| matches!(b, Tree::Object(_))) => {
                    blocks.iter().filter_map(object_of).for_each(|inner| self.walk(source, inner, &path, problems));
                }
                (Found::Block, other) => problems.push(Problem::value(&path, other, "must be a block: { key = value }")),
                (Found::Nothing, _) => {
                    let nearest = keys::nearest(&path);
                    problems.push(Problem::UnknownKey { key: format!("{block}{separator}{name}"), nearest });
                }
            }
        }
    }

    /// Sets one key from a flag's text.
    pub(super) fn set(&mut self, key: &'static Key, text: &str) -> Result<(), Problem> {
        let tree = match key.kind {
            Kind::Bool => match text {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Tree::Bool(true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => Tree::Bool(false),
                other => Tree::Text(other.to_owned()),
            },
            Kind::Int => text.parse().map_or_else(|_| Tree::Text(text.to_owned()), Tree::Int),
            Kind::Float => text.parse().map_or_else(|_| Tree::Text(text.to_owned()), Tree::Float),
            Kind::Text | Kind::Span | Kind::Services | Kind::Checks | Kind::Watches | Kind::Open => Tree::Text(text.to_owned()),
            Kind::Texts => Tree::List(vec![Tree::Text(text.to_owned())]),
            Kind::TextMap => match text.split_once(':') {
                Some((name, value)) => Tree::Object(Object::from([(name.to_owned(), Tree::Text(value.to_owned()))])),
                None => return Err(Problem::value(key.path, format!("{text:?}"), "must be key:value")),
            },
        };
        self.add(key, setting(key, &tree)?);
        Ok(())
    }

    /// A later source on top: scalars replaced, lists appended, maps merged by key.
    pub(super) fn merge(&mut self, later: Settings) {
        for (path, setting) in later.0 {
            self.add_at(path, setting);
        }
    }

    fn add(&mut self, key: &'static Key, setting: Setting) {
        self.add_at(key.path, setting);
    }

    fn add_at(&mut self, path: &'static str, setting: Setting) {
        match (self.0.get_mut(path), setting) {
            (Some(Setting::Texts(texts)), Setting::Texts(more)) => texts.extend(more),
            (Some(Setting::TextMap(map)), Setting::TextMap(more)) => map.extend(more),
            (Some(Setting::Services(services)), Setting::Services(more)) => services.extend(more),
            (Some(Setting::Checks(checks)), Setting::Checks(more)) => checks.extend(more),
            (Some(Setting::Watches(watches)), Setting::Watches(more)) => watches.extend(more),
            (Some(Setting::Open(trees)), Setting::Open(more)) => trees.extend(more),
            (Some(_) | None, setting) => drop(self.0.insert(path, setting)),
        }
    }

    /// Keys that ask for protection there is none of.
    pub(super) fn unprotected(&self) -> Vec<Problem> {
        let asked = |key: &&Key| self.0.get(key.path).is_some_and(Setting::says_something);
        let refused = |key: &'static Key| match key.effect {
            Effect::Unprotected(what) => Some(Problem::Unprotected { key: key.path, what }),
            Effect::Used | Effect::Live | Effect::NotYet => None,
        };
        keys::all().filter(asked).filter_map(refused).collect()
    }

    /// Keys that were set and have no effect, by name.
    pub(super) fn without_effect(&self) -> Vec<String> {
        let ignored = |key: &&Key| key.effect == Effect::NotYet && self.0.contains_key(key.path);
        let mut names: Vec<String> = keys::all().filter(ignored).map(|key| key.path.to_owned()).collect();
        names.sort();
        names
    }

    /// Whether both say the same of a key.
    pub(super) fn agrees(&self, other: &Settings, path: &str) -> bool {
        self.0.get(path) == other.0.get(path)
    }

    fn at(&self, path: &str) -> Option<&Setting> {
        assert!(matches!(keys::find(path), Found::Key(_)), "{path} is not in the table of keys");
        self.0.get(path)
    }

    /// The text under a key.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Setting::Text(text) => Some(text),
            other => wrong_kind(path, other),
        }
    }

    /// The texts under a key; none if it is not set.
    pub(super) fn texts(&self, path: &str) -> &[String] {
        match self.at(path) {
            None => &[],
            Some(Setting::Texts(texts)) => texts,
            Some(other) => wrong_kind(path, other),
        }
    }

    /// The services defined under a key.
    pub(super) fn services(&self, path: &str) -> &[Placed<ServiceDefinition>] {
        match self.at(path) {
            None => &[],
            Some(Setting::Services(services)) => services,
            Some(other) => wrong_kind(path, other),
        }
    }

    /// The checks defined under a key.
    pub(super) fn checks(&self, path: &str) -> &[Placed<CheckDefinition>] {
        match self.at(path) {
            None => &[],
            Some(Setting::Checks(checks)) => checks,
            Some(other) => wrong_kind(path, other),
        }
    }

    /// The watches under a key.
    pub(super) fn watches(&self, path: &str) -> &[Watch] {
        match self.at(path) {
            None => &[],
            Some(Setting::Watches(watches)) => watches,
            Some(other) => wrong_kind(path, other),
        }
    }

    /// The map under a key; empty if it is not set.
    pub(super) fn map(&self, path: &str) -> BTreeMap<String, String> {
        match self.at(path) {
            None => BTreeMap::new(),
            Some(Setting::TextMap(map)) => map.clone(),
            Some(other) => wrong_kind(path, other),
        }
    }

    /// The switch under a key.
    pub(super) fn switch(&self, path: &str) -> Option<bool> {
        match self.at(path)? {
            Setting::Bool(on) => Some(*on),
            other => wrong_kind(path, other),
        }
    }

    /// The whole number under a key.
    pub(super) fn int(&self, path: &str) -> Option<i64> {
        match self.at(path)? {
            Setting::Int(n) => Some(*n),
            other => wrong_kind(path, other),
        }
    }

    /// The number under a key.
    pub(super) fn float(&self, path: &str) -> Option<f64> {
        match self.at(path)? {
            Setting::Float(x) => Some(*x),
            other => wrong_kind(path, other),
        }
    }

    /// The duration under a key.
    pub(super) fn span(&self, path: &str) -> Option<Duration> {
        match self.at(path)? {
            Setting::Span(d) => Some(*d),
            other => wrong_kind(path, other),
        }
    }
}

fn wrong_kind<T>(path: &str, found: &Setting) -> T {
    panic!("{path} holds {found:?}: the table of keys and its reader disagree")
}

fn object_of(tree: &Tree) -> Option<&Object> {
    match tree {
        Tree::Object(object) => Some(object),
        Tree::Null | Tree::Bool(_) | Tree::Int(_) | Tree::Float(_) | Tree::Text(_) | Tree::List(_) => None,
    }
}

/// `tree` as the key's kind. A list of one stands for its item, as HCL's blocks do.
fn setting(key: &'static Key, tree: &Tree) -> Result<Setting, Problem> {
    let wrong = |rule: &str| Err(Problem::value(key.path, tree, format!("must be {rule}, not {}", tree.kind())));
    match (key.kind, tree) {
        (Kind::Services | Kind::Checks | Kind::Watches, _) => wrong("a block in a file or fragment"),
        (Kind::Open, Tree::List(items)) => Ok(Setting::Open(items.clone())),
        (Kind::Open, tree) => Ok(Setting::Open(vec![tree.clone()])),
        (Kind::Texts, Tree::List(items)) => items.iter().map(|item| string(key, item)).collect::<Result<_, _>>().map(Setting::Texts),
        (Kind::Texts, _) => wrong("a list of strings"),
        (_, Tree::List(items)) if items.len() == 1 && key.kind != Kind::TextMap => setting(key, &items[0]),
        (Kind::Bool, Tree::Bool(on)) => Ok(Setting::Bool(*on)),
        (Kind::Bool, _) => wrong("true or false"),
        (Kind::Int, Tree::Int(n)) => Ok(Setting::Int(*n)),
        (Kind::Int, Tree::Float(x)) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(Setting::Int(*x as i64)),
        (Kind::Int, Tree::Float(x)) => Err(Problem::value(key.path, x, "must be a whole number")),
        (Kind::Int, _) => wrong("a whole number"),
        (Kind::Float, Tree::Float(x)) => Ok(Setting::Float(*x)),
        (Kind::Float, Tree::Int(n)) => Ok(Setting::Float(*n as f64)),
        (Kind::Float, _) => wrong("a number"),
        (Kind::Text, Tree::Text(text)) => Ok(Setting::Text(text.clone())),
        (Kind::Text, _) => wrong("a string"),
        (Kind::Span, Tree::Text(text)) => duration::parse(text)
            .map(Setting::Span)
            .map_err(|_| Problem::value(key.path, tree, "must be a duration, not negative, with a unit: \"300ms\", \"10s\" or \"1h30m\"")),
        (Kind::Span, _) => wrong("a string with a unit, like \"10s\""),
        (Kind::TextMap, Tree::Object(object)) => text_map(key, [object]),
        (Kind::TextMap, Tree::List(blocks)) if blocks.iter().all(|b| object_of(b).is_some()) => {
            text_map(key, blocks.iter().filter_map(object_of))
        }
        (Kind::TextMap, _) => wrong("a block of strings"),
    }
}

/// Reads a definition or a list of them; each mistake is kept with its path.
fn definitions<T>(
    source: &str,
    key: &Key,
    tree: &Tree,
    read: fn(&Tree) -> Result<T, DefinitionError>,
    problems: &mut Vec<Problem>,
) -> Vec<Placed<T>> {
    let items: Vec<(String, &Tree)> = match tree {
        Tree::List(items) => items.iter().enumerate().map(|(at, item)| (format!("{}[{at}]", key.path), item)).collect(),
        one => vec![(key.path.to_owned(), one)],
    };
    let mut found = Vec::with_capacity(items.len());
    for (path, item) in items.into_iter().filter(|(_, item)| **item != Tree::Null) {
        match read(item) {
            Ok(definition) => found.push(Placed { place: Place { source: source.to_owned(), field: path }, definition }),
            Err(error) => problems.push(Problem::Rule(error.below(&path).to_string())),
        }
    }
    found
}

fn string(key: &Key, tree: &Tree) -> Result<String, Problem> {
    match tree {
        Tree::Text(text) => Ok(text.clone()),
        other => Err(Problem::value(key.path, other, format!("must be a list of strings, but holds {}", other.kind()))),
    }
}

fn text_map<'a>(key: &Key, blocks: impl IntoIterator<Item = &'a Object>) -> Result<Setting, Problem> {
    let mut map = BTreeMap::new();
    for (name, tree) in blocks.into_iter().flatten() {
        let Tree::Text(text) = tree else {
            return Err(Problem::value(&format!("{}.{name}", key.path), tree, format!("must be a string, not {}", tree.kind())));
        };
        map.insert(name.clone(), text.clone());
    }
    Ok(Setting::TextMap(map))
}
