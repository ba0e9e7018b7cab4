//! Text made into values, as Go's `strconv` does it.

use crate::model::quote;

/// A literal without its quotes or backticks and its escapes undone; `None` if an escape is none of Go's. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    if literal.starts_with('`') {
        return Some(inner.replace('\r', ""));
    }
    if !inner.contains(['\\', '\n']) {
        return Some(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => return None,
            '\\' => rest = escape(rest, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Undoes the escape whose backslash is passed already; what is behind it.
fn escape<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let kind = text.chars().next()?;
    let behind = &text[kind.len_utf8()..];
    let plain = match kind {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        'x' => return byte(behind, 2, 16, bytes),
        '0'..='7' => return byte(text, 3, 8, bytes),
        'u' => return character(behind, 4, bytes),
        'U' => return character(behind, 8, bytes),
        _ => return None,
    };
    bytes.push(plain);
    Some(behind)
}

fn digits(text: &str, length: usize, radix: u32) -> Option<(u32, &str)> {
    let digits = text.get(..length)?;
    // `from_str_radix` would take a sign.
    digits.chars().all(|c| c.is_digit(radix)).then_some(())?;
    Some((u32::from_str_radix(digits, radix).ok()?, &text[length..]))
}

fn byte<'t>(text: &'t str, length: usize, radix: u32, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let (number, behind) = digits(text, length, radix)?;
    bytes.push(u8::try_from(number).ok()?);
    Some(behind)
}

fn character<'t>(text: &'t str, length: usize, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let (number, behind) = digits(text, length, 16)?;
    bytes.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut [0; 4]).as_bytes());
    Some(behind)
}

/// A truth value: Go's `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

/// A whole number, decimal or with `0x`, `0o`, `0b` or `0` before it, with underscores between its digits: Go's `strconv.ParseInt(text, 0, 64)`.
pub(super) fn integer(text: &str) -> Result<i64, String> {
    let refused = |why: &str| format!("strconv.ParseInt: parsing {}: {why}", quote(text));
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    let lower = unsigned.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let bare = digits.replace('_', "");
    if bare.is_empty() || !bare.chars().all(|c| c.is_digit(radix)) || !underscores_are_between(&lower) {
        return Err(refused("invalid syntax"));
    }
    let size = i128::from_str_radix(&bare, radix).map_err(|_| refused("value out of range"))?;
    i64::try_from(if negative { -size } else { size }).map_err(|_| refused("value out of range"))
}

/// Underscores may stand between digits, and between a prefix and a digit.
fn underscores_are_between(number: &str) -> bool {
    let prefixed = matches!(number.as_bytes(), [b'0', b'x' | b'b' | b'o', ..]);
    let digits = if prefixed { &number[1..] } else { number };
    !digits.starts_with('_')
        && !digits.ends_with('_')
        && !digits.contains("__")
        && (prefixed || number.starts_with('0') || !number.contains('_'))
}

#[cfg(test)]
mod tests {
    use super::{boolean, integer, unquote};

    #[test]
    fn escapes_are_gos() {
        assert_eq!(unquote(r#""a\tb\x41\101\u00e9\U0001F600\\""#).as_deref(), Some("a\tbAA\u{e9}\u{1f600}\\"));
        assert_eq!(unquote(r#""\xff""#).as_deref(), Some("\u{fffd}"));
        assert_eq!(unquote("`a\\n\r\nb`").as_deref(), Some("a\\n\nb"));
        for wrong in [r#""\q""#, r#""\'""#, r#""\x4""#, r#""\x+4""#, r#""\400""#, r#""\ud800""#, "\"a\nb\"", r#""\""#] {
            assert_eq!(unquote(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_have_gos_prefixes_and_bounds() {
        for (text, number) in [("80", 80), ("-0x1F", -31), ("0b11", 3), ("0o17", 15), ("017", 15), ("0x_f_f", 255), ("+0", 0)] {
            assert_eq!(integer(text), Ok(number), "{text}");
        }
        assert_eq!(integer("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(integer("9223372036854775808").unwrap_err(), "strconv.ParseInt: parsing \"9223372036854775808\": value out of range");
        for text in ["abc", "", "-", "0x", "08", "1.5", "--1", "1__2", "_1", "1_", "1_000", "0x1_"] {
            assert_eq!(integer(text).unwrap_err(), format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"));
        }
        let long = "9".repeat(100);
        assert!(integer(&long).unwrap_err().ends_with("value out of range"));
    }

    #[test]
    fn truth_has_gos_spellings() {
        assert_eq!((boolean("T"), boolean("False")), (Ok(true), Ok(false)));
        assert_eq!(boolean("yes").unwrap_err(), "strconv.ParseBool: parsing \"yes\": invalid syntax");
    }
}
