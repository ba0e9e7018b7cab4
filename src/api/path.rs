//! Paths: cleaned as Go's `ServeMux` cleans them, unescaped once, and refused if they hold what cannot be printed.
//!
//! Cleaning looks at the path as it was sent, so a key with `//` in it can be reached by escaping the slashes.

use std::borrow::Cow;

/// The clean form of a path: no empty, `.` or `..` segments, a final slash kept. `None` if it is clean already.
pub fn cleaned(path: &[u8]) -> Option<Vec<u8>> {
    let segments = || path.split(|b| *b == b'/').skip(1);
    let last = segments().count().saturating_sub(1);
    let dirty = |(at, segment): (usize, &[u8])| matches!(segment, b"." | b"..") || (segment.is_empty() && at != last);
    if path.first() == Some(&b'/') && !segments().enumerate().any(dirty) {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let rooted = if path.first() == Some(&b'/') { &path[1..] } else { path };
    for segment in rooted.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut clean = Vec::with_capacity(path.len());
    for segment in &kept {
        clean.push(b'/');
        clean.extend_from_slice(segment);
    }
    if path.last() == Some(&b'/') || kept.is_empty() {
        clean.push(b'/');
    }
    Some(clean)
}

/// Undoes percent-escapes; `None` if one is not two hex digits.
pub fn unescape(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>()?;
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
        out.push((high? * 16 + low?) as u8);
        rest = behind;
    }
    Some(Cow::Owned(out))
}

/// Whether every character can be printed: no control characters, no blanks but the space. Bytes that are not UTF-8 pass; they are shown as U+FFFD.
pub fn is_printable(path: &[u8]) -> bool {
    path.iter().all(|b| (0x20..0x7f).contains(b)) || path.utf8_chunks().all(|chunk| chunk.valid().chars().all(can_be_printed))
}

/// Go's `unicode.IsPrint` for what matters in a path: its table of unassigned characters is not followed.
fn can_be_printed(c: char) -> bool {
    let invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}');
    !c.is_control() && !invisible && (c == ' ' || !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::{cleaned, is_printable, unescape};
    use proptest::prelude::{any, proptest};

    fn clean(path: &str) -> Option<String> {
        cleaned(path.as_bytes()).map(|clean| String::from_utf8(clean).unwrap())
    }

    #[test]
    fn clean_paths_stay() {
        for path in ["/", "/v1/kv/a", "/v1/kv/a/", "/v1/kv/.a", "/v1/kv/a..b"] {
            assert_eq!(clean(path), None, "{path}");
        }
    }

    #[test]
    fn empty_and_dotted_segments_are_cleaned_away() {
        for (path, want) in [
            ("/v1/kv/t//a", "/v1/kv/t/a"),
            ("//", "/"),
            ("/a/./b", "/a/b"),
            ("/a/../b/", "/b/"),
            ("/../..", "/"),
            ("/a/..", "/"),
            ("*", "/*"),
            ("", "/"),
        ] {
            assert_eq!(clean(path).as_deref(), Some(want), "{path}");
        }
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(unescape(b"with%20space/and%2Fslash/pct%2525+").unwrap().as_ref(), b"with space/and/slash/pct%25+");
        assert!(unescape(b"%zz").is_none() && unescape(b"a%4").is_none() && unescape(b"%").is_none());
    }

    #[test]
    fn control_characters_and_odd_blanks_are_not_printable() {
        assert!(is_printable("größe ✓".as_bytes()) && is_printable(b"a\xff"));
        for path in ["a\n", "a\u{0}", "\u{7f}", "\u{a0}", "\u{200b}", "\u{2028}"] {
            assert!(!is_printable(path.as_bytes()), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cleaned_path_is_clean(path in proptest::collection::vec(any::<u8>(), 0..20)) {
            let clean = cleaned(&path).unwrap_or(path);
            assert_eq!(cleaned(&clean), None);
        }

        #[test]
        fn what_is_escaped_is_unescaped(path in proptest::collection::vec(any::<u8>(), 0..20)) {
            let escaped: String = path.iter().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(unescape(escaped.as_bytes()).unwrap().as_ref(), path.as_slice());
        }
    }
}
