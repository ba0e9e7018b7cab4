//! The addresses of HTTP checks and of the redirects they follow (RFC 3986), read as Go's `net/url` reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::fmt;

/// What is not sent as it is in a request line; what is encoded already stays so.
const UNSENDABLE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// How the other side is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// An absolute address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// `user:password`, encoded.
    user: Option<String>,
    /// Host, with the port if one was given, as `Host` says it.
    pub authority: String,
    /// Path and query, encoded; it begins with `/`.
    pub target: String,
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlError {
    /// Neither `http` nor `https`.
    Scheme(String),
    /// Nobody to connect to.
    NoHost,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Scheme(scheme) => write!(f, "unsupported protocol scheme {scheme:?}"),
            UrlError::NoHost => f.write_str("http: no Host in request URL"),
        }
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// The address that `text` is.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UrlError::Scheme(scheme_of(text).to_owned()))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user.to_owned()), authority),
            None => (None, authority),
        };
        if authority.is_empty() || authority.starts_with(':') || authority.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(UrlError::NoHost);
        }
        Ok(Url { scheme, user, authority: authority.to_owned(), target: target_of(rest) })
    }

    /// What a redirect from here to `location` leads to (RFC 3986, section 5.2).
    pub fn join(&self, location: &str) -> Result<Url, UrlError> {
        if let Some(rest) = location.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.scheme.as_str()));
        }
        if location.split_once("://").is_some_and(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))) {
            return Url::parse(location);
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let location = location.split('#').next().unwrap_or("");
        let target = if location.is_empty() {
            self.target.clone()
        } else if location.starts_with('/') {
            without_dots(location)
        } else if location.starts_with('?') {
            format!("{path}{location}")
        } else {
            without_dots(&format!("{}{location}", &path[..=path.rfind('/').unwrap_or(0)]))
        };
        Ok(Url { target: target_of(&target), ..self.clone() })
    }

    /// `host:port` to connect to.
    pub fn dial_address(&self) -> String {
        let port = match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        match self.authority.strip_suffix(':') {
            Some(host) => format!("{host}:{port}"),
            None if has_port(&self.authority) => self.authority.clone(),
            None => format!("{}:{port}", self.authority),
        }
    }

    /// The host alone, without brackets.
    pub fn host(&self) -> &str {
        let host = if has_port(&self.authority) { self.authority.rsplit_once(':').map_or("", |(host, _)| host) } else { &self.authority };
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The value of `Authorization` that its user and password make.
    pub fn authorization(&self) -> Option<String> {
        let user = self.user.as_ref()?;
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let mut pair: Vec<u8> = percent_decode_str(name).collect();
        pair.push(b':');
        pair.extend(percent_decode_str(password));
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }
}

/// The text of an address as outputs show it: its password as Go shows it.
pub fn redacted(text: &str) -> String {
    let shown = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = rest[..end].rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:***@{host}{}", &rest[end..]))
    };
    shown().unwrap_or_else(|| text.to_owned())
}

fn scheme_of(text: &str) -> &str {
    text.split_once(':').map_or("", |(scheme, _)| scheme)
}

fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(host, port)| !port.contains(']') && (!host.contains(':') || host.ends_with(']')))
}

/// Path and query of what follows the host.
fn target_of(rest: &str) -> String {
    let rest = rest.split('#').next().unwrap_or("");
    let sendable = utf8_percent_encode(rest, UNSENDABLE).to_string();
    if sendable.starts_with('/') { sendable } else { format!("/{sendable}") }
}

/// Removes `.` and `..` from the path (RFC 3986, section 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{Scheme, Url, UrlError, redacted};

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn an_address_says_whom_to_dial_and_what_to_ask() {
        for (text, dial, host, target) in [
            ("http://web", "web:80", "web", "/"),
            ("https://web", "web:443", "web", "/"),
            ("HTTP://web:8080/a b?c=d#e", "web:8080", "web", "/a%20b?c=d"),
            ("http://[::1]:8500?x", "[::1]:8500", "::1", "/?x"),
            ("http://[fe80::1]/p", "[fe80::1]:80", "fe80::1", "/p"),
            ("http://web:/", "web:80", "web:", "/"),
            ("http://u:p@web/%7Ex", "web:80", "web", "/%7Ex"),
        ] {
            let url = url(text);
            assert_eq!(
                (url.dial_address().as_str(), url.host().trim_end_matches(':'), url.target.as_str()),
                (dial, host.trim_end_matches(':'), target)
            );
        }
        assert_eq!(url("https://web").scheme, Scheme::Https);
    }

    #[test]
    fn what_is_no_http_address_is_refused() {
        assert_eq!(Url::parse("web:80/x"), Err(UrlError::Scheme("web".into())));
        assert_eq!(Url::parse("ftp://web").map_err(|e| e.to_string()), Err("unsupported protocol scheme \"ftp\"".into()));
        assert_eq!(Url::parse("http:///x"), Err(UrlError::NoHost));
        assert_eq!(Url::parse("http://:80/x"), Err(UrlError::NoHost));
        assert_eq!(Url::parse("http://a\r\nb/"), Err(UrlError::NoHost));
    }

    #[test]
    fn a_user_is_sent_encoded_and_shown_without_password() {
        let url = url("http://me:p%40ss@web/");
        assert_eq!(url.authorization().as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(redacted("http://me:p%40ss@web/a@b"), "http://me:***@web/a@b");
        assert_eq!(redacted("http://web/a:b@c"), "http://web/a:b@c");
    }

    #[test]
    fn a_redirect_is_resolved_against_where_it_came_from() {
        let from = url("http://web:80/a/b/c?q=1");
        for (location, target) in [
            ("d", "/a/b/d"),
            ("./d", "/a/b/d"),
            ("../d/", "/a/d/"),
            ("../../../d", "/d"),
            ("..", "/a/"),
            ("/x/./y?z#f", "/x/y?z"),
            ("?r=2", "/a/b/c?r=2"),
            ("", "/a/b/c?q=1"),
            ("/to?u=http://other/", "/to?u=http://other/"),
        ] {
            let joined = from.join(location).expect("an address");
            assert_eq!((joined.authority.as_str(), joined.target.as_str()), ("web:80", target), "{location}");
        }
        assert_eq!(from.join("//other/x").map(|u| (u.authority, u.target)), Ok(("other".into(), "/x".into())));
        assert_eq!(from.join("https://other/x").map(|u| u.scheme), Ok(Scheme::Https));
        assert!(from.join("ftp://other/").is_err());
    }
}
