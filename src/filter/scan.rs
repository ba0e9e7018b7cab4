//! A place in the text of an expression, and what was looked for where the parser got furthest.
//!
//! A refusal names what would have been taken at the furthest place any alternative reached, as parsers made by `pigeon` do.

use crate::model::quote;
use std::collections::BTreeSet;

/// Something looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// This text.
    Text(&'static str),
    /// A character of a class, by the class's name.
    Class(&'static str),
    /// The end.
    End,
    /// Anything but this text.
    NotText(&'static str),
}

impl Wanted {
    fn shown(self) -> String {
        match self {
            Wanted::Text(text) => quote(text),
            Wanted::Class(name) => name.to_owned(),
            Wanted::End => "EOF".to_owned(),
            Wanted::NotText(text) => format!("!{}", quote(text)),
        }
    }
}

/// A class of characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    name: &'static str,
    has: fn(u8) -> bool,
}

pub(super) const BLANK: Class = Class { name: r"[ \t\r\n]", has: |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n') };
pub(super) const LETTER: Class = Class { name: "[a-zA-Z]", has: |byte| byte.is_ascii_alphabetic() };
pub(super) const WORD: Class = Class { name: "[a-zA-Z0-9_]", has: |byte| byte.is_ascii_alphanumeric() || byte == b'_' };
pub(super) const DIGIT: Class = Class { name: "[0-9]", has: |byte| byte.is_ascii_digit() };
pub(super) const FROM_ONE: Class = Class { name: "[1-9]", has: |byte| matches!(byte, b'1'..=b'9') };

/// A place in a text.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    furthest: usize,
    wanted: BTreeSet<Wanted>,
    faults: Vec<String>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Cursor<'t> {
        Cursor { text, at: 0, furthest: 0, wanted: BTreeSet::new(), faults: Vec::new() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place it was at.
    pub(super) fn back(&mut self, at: usize) {
        self.at = at;
    }

    /// What was passed since `from`.
    pub(super) fn since(&self, from: usize) -> &'t str {
        &self.text[from..self.at]
    }

    /// Passes this text if it is next.
    pub(super) fn text(&mut self, text: &'static str) -> bool {
        if self.next_is(text) {
            self.at += text.len();
            return true;
        }
        self.want(self.at, Wanted::Text(text));
        false
    }

    /// Whether this text is next. Looking leaves no trace.
    pub(super) fn next_is(&self, text: &str) -> bool {
        self.text[self.at..].starts_with(text)
    }

    /// Passes one character of a class if it is next.
    pub(super) fn one(&mut self, class: Class) -> bool {
        // All classes are of ASCII characters, so one byte is one character.
        if self.text.as_bytes().get(self.at).is_some_and(|byte| (class.has)(*byte)) {
            self.at += 1;
            return true;
        }
        self.want(self.at, Wanted::Class(class.name));
        false
    }

    /// Passes all characters of a class that are next; whether there was one.
    pub(super) fn many(&mut self, class: Class) -> bool {
        let from = self.at;
        while self.one(class) {}
        self.at > from
    }

    /// Whether the text is over.
    pub(super) fn end(&mut self) -> bool {
        let over = self.at == self.text.len();
        if !over {
            self.want(self.at, Wanted::End);
        }
        over
    }

    /// Passes everything up to this text, or to the end. Stands before it then.
    pub(super) fn until(&mut self, text: &'static str) {
        self.at = self.text[self.at..].find(text).map_or(self.text.len(), |length| self.at + length);
        if self.at < self.text.len() {
            self.want(self.at, Wanted::NotText(text));
        }
    }

    /// Notes that the text is wrong at a place, in a way that no alternative mends.
    pub(super) fn fault(&mut self, at: usize, rule: &str, what: &str) {
        let fault = format!("{}: rule \"{rule}\": {what}", self.place(at));
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Whether the text was found to be wrong.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Why the text was not taken.
    pub(super) fn refusal(&self) -> String {
        if self.has_faults() {
            return self.faults.join("\n");
        }
        let mut shown: Vec<String> = self.wanted.iter().filter(|wanted| **wanted != Wanted::End).map(|wanted| wanted.shown()).collect();
        shown.sort();
        shown.extend(self.wanted.contains(&Wanted::End).then(|| Wanted::End.shown()));
        let list = match shown.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        };
        format!("{}: no match found, expected: {list}", self.place(self.furthest))
    }

    fn want(&mut self, at: usize, wanted: Wanted) {
        if at > self.furthest {
            self.furthest = at;
            self.wanted.clear();
        }
        if at == self.furthest {
            self.wanted.insert(wanted);
        }
    }

    /// A place as `line:column (offset)`. A newline is column 0 of the line it begins.
    fn place(&self, at: usize) -> String {
        let before = &self.text[..at];
        let ends_line = self.text[at..].starts_with('\n');
        let line = 1 + before.matches('\n').count() + usize::from(ends_line);
        let column = match before.rfind('\n') {
            _ if ends_line => 0,
            Some(newline) => before[newline + 1..].chars().count() + 1,
            None => before.chars().count() + 1,
        };
        format!("{line}:{column} ({at})")
    }
}
