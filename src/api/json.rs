//! JSON as Go's encoder writes it: `<`, `>`, `&` and the line separators escaped, numbers without a needless point, invalid UTF-8 replaced.

use serde::{Serialize, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};
use std::io::{self, Write};

/// Whether a document is spread over lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Without blanks, no newline at the end.
    Compact,
    /// Four blanks a level, a newline at the end (`?pretty`, and always with `-dev`).
    Pretty,
}

/// `value` as a document.
pub fn to_vec<T: Serialize + ?Sized>(layout: Layout, value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let written = match layout {
        Layout::Compact => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Go(CompactFormatter))),
        Layout::Pretty => {
            let lines = Go(PrettyFormatter::with_indent(b"    "));
            let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, lines));
            out.push(b'\n');
            written
        }
    };
    written.expect("our own shapes have text for keys, and a Vec takes every byte");
    out
}

/// Serializes bytes as base64 (RFC 4648 section 4), none as `null`: Go's `[]byte`.
pub fn base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    use base64::Engine;
    if bytes.is_empty() {
        return to.serialize_none();
    }
    to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Serializes a byte string as text, each byte that is not UTF-8 as U+FFFD.
pub fn text<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => to.serialize_str(text),
        Err(_) => to.serialize_str(&replaced(bytes)),
    }
}

fn replaced(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}

/// A formatter with Go's ways of writing strings and numbers.
struct Go<F>(F);

macro_rules! as_inner {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W, $($arg: $type),*) -> io::Result<()> {
            self.0.$name(writer, $($arg),*)
        })*
    };
}

impl<F: Formatter> Formatter for Go<F> {
    as_inner! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, length, escape)) = first_escape(rest) {
            writer.write_all(&rest.as_bytes()[..at])?;
            writer.write_all(escape)?;
            rest = &rest[at + length..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Backspace => writer.write_all(b"\\u0008"),
            CharEscape::FormFeed => writer.write_all(b"\\u000c"),
            other => self.0.write_char_escape(writer, other),
        }
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float(value).as_bytes())
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        writer.write_all(float(f64::from(value)).as_bytes())
    }
}

/// Where the first character stands that Go escapes and JSON would not, its length in bytes, and its escape.
fn first_escape(text: &str) -> Option<(usize, usize, &'static [u8])> {
    let bytes = text.as_bytes();
    let at = bytes.iter().enumerate().position(|(at, byte)| match byte {
        b'<' | b'>' | b'&' => true,
        0xe2 => matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])),
        _ => false,
    })?;
    Some(match bytes[at] {
        b'<' => (at, 1, b"\\u003c"),
        b'>' => (at, 1, b"\\u003e"),
        b'&' => (at, 1, b"\\u0026"),
        _ if bytes[at + 2] == 0xa8 => (at, 3, b"\\u2028"),
        _ => (at, 3, b"\\u2029"),
    })
}

/// A number as Go prints it: digits, with an exponent only below 1e-6 and from 1e21.
fn float(value: f64) -> String {
    let size = value.abs();
    if value != 0.0 && !(1e-6..1e21).contains(&size) {
        format!("{value:e}").replace('e', if size < 1.0 { "e" } else { "e+" })
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, base64, float, text, to_vec};
    use serde::Serialize;

    #[derive(Serialize)]
    struct Row {
        #[serde(serialize_with = "text_of")]
        key: Vec<u8>,
        #[serde(serialize_with = "base64_of")]
        value: Vec<u8>,
    }

    fn text_of<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        text(bytes, to)
    }

    fn base64_of<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        base64(bytes, to)
    }

    fn compact<T: Serialize + ?Sized>(value: &T) -> String {
        String::from_utf8(to_vec(Layout::Compact, value)).unwrap()
    }

    #[test]
    fn text_is_escaped_as_go_escapes_it() {
        assert_eq!(compact("<a href=\"x\">&\u{2028}\u{2029}\u{20ac}\u{e9}"), r#""\u003ca href=\"x\"\u003e\u0026\u2028\u2029€é""#);
        assert_eq!(compact("\u{8}\u{c}\n\r\t\u{1}\u{7f}"), "\"\\u0008\\u000c\\n\\r\\t\\u0001\u{7f}\"");
    }

    #[test]
    fn every_byte_that_is_no_utf8_is_replaced() {
        let row = Row { key: b"a\xff\xe2\x80<".to_vec(), value: vec![] };
        assert_eq!(compact(&row), "{\"key\":\"a\u{fffd}\u{fffd}\u{fffd}\\u003c\",\"value\":null}");
    }

    #[test]
    fn bytes_are_base64() {
        let row = Row { key: vec![], value: b"\x00\x01\xff\x80\r\n\x00\xfe".to_vec() };
        assert_eq!(compact(&row), r#"{"key":"","value":"AAH/gA0KAP4="}"#);
    }

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (0.00001, "0.00001"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e-9, "-2.5e-9"),
        ] {
            assert_eq!(float(value), text);
        }
        assert_eq!(compact(&u64::MAX), "18446744073709551615");
    }

    #[test]
    fn pretty_is_four_blanks_and_a_newline() {
        assert_eq!(String::from_utf8(to_vec(Layout::Pretty, &["dc1"])).unwrap(), "[\n    \"dc1\"\n]\n");
        assert_eq!(to_vec(Layout::Pretty, &[0; 0]), b"[]\n");
    }
}
