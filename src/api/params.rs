//! The query part of a request's address, as Go's `url.ParseQuery` reads it.

use std::borrow::Cow;

/// Names and values in the order given. A name without `=` has an empty value; pairs that are not validly escaped are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Reads what follows the `?`.
    pub fn parse(query: &'a str) -> Params<'a> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        });
        Params { pairs: pairs.collect() }
    }

    /// Whether `name` was given, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(given, _)| given == name)
    }

    /// The first value of `name`; `None` if it was not given or is empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }

    /// The first value of `name`, empty or not; `None` if it was not given.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref())
    }

    /// Every value of `name`, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_ref())
    }

    /// All pairs, sorted by name and escaped again.
    pub fn encode(&self) -> String {
        let mut sorted: Vec<_> = self.pairs.iter().collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let pairs: Vec<String> = sorted.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        pairs.join("&")
    }
}

/// Undoes percent-escapes and `+`; `None` if an escape is not two hex digits. What is not UTF-8 then is replaced.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let bytes = super::path::unescape(spaced.as_bytes())?;
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn a_name_without_a_value_is_there_and_empty() {
        let params = Params::parse("passing&tag=a&tag=b&x=");
        assert!(params.has("passing") && params.has("x") && !params.has("pass"));
        assert_eq!((params.value("passing"), params.value("tag"), params.given("x")), (None, Some("a"), Some("")));
        assert_eq!(params.all("tag").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn escapes_are_undone_once_and_a_plus_is_a_blank() {
        let params = Params::parse("a=%2Fx+y%2525&%62=1");
        assert_eq!((params.value("a"), params.value("b")), (Some("/x y%25"), Some("1")));
    }

    #[test]
    fn a_pair_with_a_bad_escape_is_left_out() {
        assert_eq!(Params::parse("a=%zz&b=1&c=%4").encode(), "b=1");
    }

    #[test]
    fn encoding_sorts_names_and_keeps_the_order_of_values() {
        assert_eq!(Params::parse("release=b&acquire=a c&x&acquire=/").encode(), "acquire=a+c&acquire=%2F&release=b&x=");
    }
}
