//! JSON written straight from rows into one buffer, as Go's encoder writes it: for answers of many rows, where going through a serializer's
//! field by field calls is most of the work.

use super::json::Layout;
use crate::model::{NodeId, Pairs};
use std::collections::BTreeMap;

/// A document under construction. What is written is compact; [`Document::finish`] lays it out.
#[derive(Debug, Default)]
pub struct Document {
    out: Vec<u8>,
}

/// Bytes that are not written as they are: 1 in JSON's own list or Go's, 2 where Go's two line separators may begin.
const SPECIAL: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = 1;
        byte += 1;
    }
    table[b'"' as usize] = 1;
    table[b'\\' as usize] = 1;
    table[b'<' as usize] = 1;
    table[b'>' as usize] = 1;
    table[b'&' as usize] = 1;
    table[0xe2] = 2;
    table
};

impl Document {
    /// An empty document with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Document {
        Document { out: Vec::with_capacity(bytes) }
    }

    /// Writes JSON that is known beforehand.
    pub fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Writes a text in quotes, escaped.
    pub fn text(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let special = match SPECIAL[usize::from(byte)] {
                0 => continue,
                2 if !matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => continue,
                _ => byte,
            };
            self.out.extend_from_slice(&bytes[from..at]);
            from = at + self.escape(special, bytes.get(at + 2).copied());
        }
        self.out.extend_from_slice(&bytes[from..]);
        self.out.push(b'"');
    }

    /// Writes the escape of what begins with `byte` and says how many bytes that is; `third` is the byte that tells the line separators apart.
    fn escape(&mut self, byte: u8, third: Option<u8>) -> usize {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match byte {
            b'"' => self.raw("\\\""),
            b'\\' => self.raw("\\\\"),
            b'\n' => self.raw("\\n"),
            b'\r' => self.raw("\\r"),
            b'\t' => self.raw("\\t"),
            0xe2 => {
                self.raw(if third == Some(0xa8) { "\\u2028" } else { "\\u2029" });
                return 3;
            }
            byte => self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
        1
    }

    /// Writes a number.
    pub fn number(&mut self, number: i64) {
        if number < 0 {
            self.out.push(b'-');
        }
        self.index(number.unsigned_abs());
    }

    /// Writes a number without a sign.
    pub fn index(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// Writes a truth value.
    pub fn truth(&mut self, truth: bool) {
        self.raw(if truth { "true" } else { "false" });
    }

    /// Writes a node's id; nothing in quotes if it has none.
    pub fn id(&mut self, id: Option<NodeId>) {
        self.out.push(b'"');
        if let Some(id) = id {
            let mut buffer = uuid::Uuid::encode_buffer();
            let text: &str = uuid::Uuid::from_u128(id.as_u128()).hyphenated().encode_lower(&mut buffer);
            self.raw(text);
        }
        self.out.push(b'"');
    }

    /// Writes a list.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Document, T)) {
        self.out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            write(self, item);
        }
        self.out.push(b']');
    }

    /// Writes a list of texts.
    pub fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        self.list(texts, Document::text);
    }

    /// Writes an object; its keys are in order already.
    pub fn object<'k, T>(&mut self, fields: impl IntoIterator<Item = (&'k str, T)>, mut write: impl FnMut(&mut Document, T)) {
        self.out.push(b'{');
        for (at, (key, value)) in fields.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.text(key);
            self.out.push(b':');
            write(self, value);
        }
        self.out.push(b'}');
    }

    /// Writes pairs as an object, or `null` if there are none.
    pub fn map_or_null(&mut self, map: &BTreeMap<String, String>) {
        match map.is_empty() {
            true => self.raw("null"),
            false => self.object(map.iter().map(|(key, value)| (key.as_str(), value.as_str())), Document::text),
        }
    }

    /// Writes pairs as an object.
    pub fn pairs(&mut self, pairs: &Pairs) {
        self.object(pairs.iter(), Document::text);
    }

    /// The document as it is sent.
    pub fn finish(self, layout: Layout) -> Vec<u8> {
        match layout {
            Layout::Compact => self.out,
            Layout::Pretty => spread(&self.out),
        }
    }
}

/// A compact document spread over lines, four blanks a level, with a newline at the end.
fn spread(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let mut depth = 0;
    let mut bytes = compact.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                out.push(byte);
                copy_text(&mut bytes, &mut out);
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            byte => out.push(byte),
        }
    }
    out.push(b'\n');
    out
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 4 * depth, b' ');
}

/// Copies a text whose first quote is passed already, with its last.
fn copy_text(bytes: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    while let Some(byte) = bytes.next() {
        out.push(byte);
        match byte {
            b'"' => return,
            b'\\' => out.extend(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Document;
    use crate::api::json::{Layout, to_vec};
    use proptest::prelude::{any, proptest};
    use std::collections::BTreeMap;

    fn written(layout: Layout, write: impl FnOnce(&mut Document)) -> String {
        let mut document = Document::default();
        write(&mut document);
        String::from_utf8(document.finish(layout)).unwrap()
    }

    proptest! {
        #[test]
        fn texts_and_numbers_are_those_of_the_serializer(text in any::<String>(), number in any::<i64>(), index in any::<u64>()) {
            for text in [text.as_str(), "<&>\u{2028}\u{2029}\u{20ac}\u{7f}\u{8}\u{c}\u{0}\"\\\n\r\t"] {
                assert_eq!(written(Layout::Compact, |to| to.text(text)).into_bytes(), to_vec(Layout::Compact, text));
            }
            assert_eq!(written(Layout::Compact, |to| to.number(number)), number.to_string());
            assert_eq!(written(Layout::Compact, |to| to.index(index)), index.to_string());
        }

        #[test]
        fn both_layouts_are_those_of_the_serializer(map in proptest::collection::btree_map(any::<String>(), proptest::collection::vec(any::<String>(), 0..3), 0..4)) {
            let map: BTreeMap<String, Vec<String>> = map;
            for layout in [Layout::Compact, Layout::Pretty] {
                let ours = written(layout, |to| {
                    to.object(map.iter().map(|(key, texts)| (key.as_str(), texts)), |to, texts| to.texts(texts.iter().map(String::as_str)));
                });
                assert_eq!(ours.into_bytes(), to_vec(layout, &map));
            }
        }
    }
}
