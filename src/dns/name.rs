//! Domain names as messages write them (RFC 1035 section 3.1): labels behind their lengths, the root's empty one last.

use std::fmt;

/// Bytes of the longest name.
pub const LONGEST_NAME: usize = 255;
/// Bytes of the longest label.
const LONGEST_LABEL: usize = 63;

/// An uncompressed name in somebody's buffer: labels of 1 to 63 bytes and the root's, 255 bytes at most. Bytes are kept as they came; names are
/// compared without the case of ASCII letters (RFC 4343).
#[derive(Clone, Copy)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The root.
    pub const ROOT: Name<'static> = Name(&[0]);

    /// Reads the name that `bytes` begin with. `None` if there is none: cut off, too long, or compressed, which the first name of a message cannot be.
    pub fn read(bytes: &'a [u8]) -> Option<Name<'a>> {
        let mut at = 0;
        loop {
            let length = usize::from(*bytes.get(at)?);
            if length > LONGEST_LABEL {
                return None;
            }
            at += 1 + length;
            if at > LONGEST_NAME {
                return None;
            }
            if length == 0 {
                return Some(Name(&bytes[..at]));
            }
        }
    }

    /// Its bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its labels without the root's, from the left.
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&length, behind) = rest.split_first()?;
            let (label, next) = behind.split_at_checked(usize::from(length))?;
            rest = next;
            (length > 0).then_some(label)
        })
    }

    /// Where in it `domain` begins, if it is that domain or lies below it.
    pub fn offset_of(self, domain: Name<'_>) -> Option<usize> {
        let offset = self.0.len().checked_sub(domain.0.len())?;
        if !self.0[offset..].eq_ignore_ascii_case(domain.0) {
            return None;
        }
        // The bytes of a label may look like the domain.
        let mut at = 0;
        while at < offset {
            at += 1 + usize::from(self.0[at]);
        }
        (at == offset).then_some(offset)
    }

    /// A copy that lives by itself.
    pub fn to_owned(self) -> OwnedName {
        OwnedName(self.0.into())
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Name<'_>) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Name<'_> {}

/// As zone files write it, with the final dot; dots, backslashes and bytes that are not printable are escaped (RFC 1035 section 5.1).
impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    b'!'..=b'~' => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        if self.0.len() == 1 { f.write_str(".") } else { Ok(()) }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A name that lives by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedName(Box<[u8]>);

impl OwnedName {
    /// The name that `text` writes, with or without its final dot. `None` if it is none: an empty label, one of more than 63 bytes, or too much in all.
    /// Nothing is escaped: `text` is an address or host name from a configuration or registration.
    pub fn parse(text: &str) -> Option<OwnedName> {
        let mut wire = Vec::with_capacity(text.len() + 2);
        push_text(&mut wire, text)?;
        OwnedName::from_labels(wire)
    }

    /// Ends labels that were pushed one after the other with the root's.
    pub(super) fn from_labels(mut labels: Vec<u8>) -> Option<OwnedName> {
        labels.push(0);
        (labels.len() <= LONGEST_NAME).then(|| OwnedName(labels.into_boxed_slice()))
    }

    /// The name.
    pub fn as_name(&self) -> Name<'_> {
        Name(&self.0)
    }

    /// The same name in lower case.
    pub(super) fn to_folded(&self) -> OwnedName {
        OwnedName(self.0.to_ascii_lowercase().into_boxed_slice())
    }
}

impl fmt::Display for OwnedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_name().fmt(f)
    }
}

impl fmt::Debug for OwnedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Appends one label. `None`, with nothing appended, if it can be none.
pub(super) fn push_label(to: &mut Vec<u8>, label: &[u8]) -> Option<()> {
    if label.is_empty() || label.len() > LONGEST_LABEL {
        return None;
    }
    to.push(label.len() as u8);
    to.extend_from_slice(label);
    Some(())
}

/// Appends the labels that dots divide, without the root's. `None` if they are no labels or too many; what was appended by then is the caller's to take back.
pub(super) fn push_text(to: &mut Vec<u8>, text: &str) -> Option<()> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.len() + 2 > LONGEST_NAME {
        return None;
    }
    text.split('.').try_for_each(|label| push_label(to, label.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{Name, OwnedName};

    fn name(text: &str) -> OwnedName {
        OwnedName::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_read_up_to_its_root_and_no_further() {
        let bytes = b"\x03web\x06consul\x00\x00\x01";
        let read = Name::read(bytes).unwrap();
        assert_eq!((read.as_bytes().len(), read.to_string()), (12, "web.consul.".to_owned()));
        assert_eq!(read.labels().collect::<Vec<_>>(), [b"web".as_slice(), b"consul"]);
        assert_eq!((Name::ROOT.to_string(), Name::ROOT.labels().count()), (".".to_owned(), 0));
    }

    #[test]
    fn names_that_are_cut_off_compressed_or_too_long_are_none() {
        for bytes in [b"".as_slice(), b"\x03we", b"\x03web", b"\xC0\x0C", b"\x01a\xC0\x00", b"\x40a", b"\x80\x00"] {
            assert!(Name::read(bytes).is_none(), "{bytes:?}");
        }
        let longest: Vec<u8> = [[&[63][..], &[b'x'; 63]].concat().repeat(3), [&[61][..], &[b'x'; 61]].concat(), vec![0]].concat();
        assert_eq!(Name::read(&longest).map(|name| name.as_bytes().len()), Some(255));
        let longer: Vec<u8> = [[&[63][..], &[b'x'; 63]].concat().repeat(3), [&[62][..], &[b'x'; 62]].concat(), vec![0]].concat();
        assert!(Name::read(&longer).is_none());
    }

    #[test]
    fn a_domain_is_found_whatever_its_case_but_only_between_labels() {
        let domain = name("consul");
        let at = |text: &str| name(text).as_name().offset_of(domain.as_name());
        assert_eq!((at("web.CONSUL."), at("consul"), at("consul.web"), at("xconsul")), (Some(4), Some(0), None, None));
        // One label that ends with the bytes of the domain.
        assert_eq!(Name::read(b"\x08a\x06consul\x00").unwrap().offset_of(domain.as_name()), None);
    }

    #[test]
    fn text_that_is_no_name_is_refused() {
        assert!(
            ["", ".", "a..b", ".a", &"x".repeat(64), &"a.".repeat(127), &"x.".repeat(200)]
                .iter()
                .all(|text| OwnedName::parse(text).is_none() || *text == "a.".repeat(127))
        );
        assert_eq!(OwnedName::parse(&"a.".repeat(127)).map(|name| name.as_name().as_bytes().len()), Some(255));
    }

    #[test]
    fn what_is_not_printable_is_escaped() {
        assert_eq!(Name::read(b"\x04a.\\ \x01\xff\x00").unwrap().to_string(), "a\\.\\\\\\032.\\255.");
    }
}
