//! What an HTTP check sends: HTTP/1.1 (RFC 9112), one request a connection.

use super::url::Url;
use crate::model::HttpProbe;
use std::fmt;

/// Headers that the request's other parts decide: what a definition says of them is not sent twice.
const DECIDED: [&str; 4] = ["Host", "Content-Length", "Transfer-Encoding", "Trailer"];

/// Headers that are for the asked host alone and do not follow a redirect to another (as Go's client).
const PRIVATE: [&str; 4] = ["Authorization", "Www-Authenticate", "Cookie", "Cookie2"];

/// Why a definition makes no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// Not a token (RFC 9110, section 9.1).
    Method(String),
    /// Not a token (RFC 9110, section 5.1).
    HeaderName(String),
    /// A control character in a value (RFC 9110, section 5.5).
    HeaderValue(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Method(method) => write!(f, "net/http: invalid method {method:?}"),
            RequestError::HeaderName(name) => write!(f, "net/http: invalid header field name {name:?}"),
            RequestError::HeaderValue(name) => write!(f, "net/http: invalid header field value for {name:?}"),
        }
    }
}

impl std::error::Error for RequestError {}

/// A request of a check, or of a redirect that it follows.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is asked for.
    pub method: &'a str,
    /// Whom.
    pub url: &'a Url,
    /// Where the definition's own address pointed.
    pub origin: &'a Url,
    /// Whose headers are sent.
    pub probe: &'a HttpProbe,
    /// What is sent with it.
    pub body: &'a str,
}

impl Request<'_> {
    /// Its bytes.
    pub fn encode(&self) -> Result<Vec<u8>, RequestError> {
        if !is_token(self.method) {
            return Err(RequestError::Method(self.method.to_owned()));
        }
        let mut out = String::with_capacity(256 + self.body.len());
        let Request { method, url, .. } = self;
        out.extend([method, " ", &url.target, " HTTP/1.1\r\nHost: ", self.host()?, "\r\n"]);
        if !self.defines("User-Agent") {
            out.push_str("User-Agent: Consul Health Check\r\n");
        }
        if !self.body.is_empty() || matches!(*method, "POST" | "PUT" | "PATCH") {
            out.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        if !self.defines("Accept") {
            out.push_str("Accept: text/plain, text/*, */*\r\n");
        }
        if let Some(authorization) = self.url.authorization().filter(|_| !self.defines("Authorization")) {
            out.extend(["Authorization: ", &authorization, "\r\n"]);
        }
        for (name, value) in self.headers().filter(|(name, _)| !is_one_of(name, &DECIDED)) {
            check_header(name, value)?;
            out.extend([name, ": ", value, "\r\n"]);
        }
        // One request a connection, as Consul: a check sees whether new clients are served.
        out.push_str("Connection: close\r\n\r\n");
        out.push_str(self.body);
        Ok(out.into_bytes())
    }

    /// The definition's headers that go to this host.
    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_elsewhere = self.url.host() != self.origin.host();
        let pairs = self.probe.headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())));
        pairs.filter(move |(name, _)| {
            let is_private = is_elsewhere && is_one_of(name, &PRIVATE);
            !is_private && !name.eq_ignore_ascii_case("Connection")
        })
    }

    fn defines(&self, header: &str) -> bool {
        self.headers().any(|(name, _)| name.eq_ignore_ascii_case(header))
    }

    /// The definition's `Host` as long as the request goes where the definition points.
    fn host(&self) -> Result<&str, RequestError> {
        let named = self.headers().find(|(name, value)| name.eq_ignore_ascii_case("Host") && !value.is_empty());
        match named.filter(|_| self.url.authority == self.origin.authority) {
            Some((name, value)) => check_header(name, value).map(|()| value),
            None => Ok(&self.url.authority),
        }
    }
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn check_header(name: &str, value: &str) -> Result<(), RequestError> {
    if !is_token(name) {
        return Err(RequestError::HeaderName(name.to_owned()));
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(RequestError::HeaderValue(name.to_owned()));
    }
    Ok(())
}

fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::tests::probe;
    use super::super::url::Url;
    use super::{Request, RequestError};
    use crate::model::HttpProbe;

    fn sent(probe: &HttpProbe, to: &str) -> Result<String, RequestError> {
        let (origin, url) = (Url::parse(&probe.url).expect("an address"), Url::parse(to).expect("an address"));
        let request = Request {
            method: if probe.method.is_empty() { "GET" } else { &probe.method },
            url: &url,
            origin: &origin,
            probe,
            body: &probe.body,
        };
        request.encode().map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    fn with_header(name: &str, value: &str) -> HttpProbe {
        HttpProbe { headers: [(name.to_owned(), vec![value.to_owned()])].into(), ..probe("http://web:8080/x") }
    }

    #[test]
    fn a_plain_check_asks_for_text_and_names_its_agent() {
        let expected = "GET /x HTTP/1.1\r\nHost: web:8080\r\nUser-Agent: Consul Health Check\r\nAccept: text/plain, text/*, */*\r\nConnection: close\r\n\r\n";
        assert_eq!(sent(&probe("http://web:8080/x"), "http://web:8080/x").as_deref(), Ok(expected));
    }

    #[test]
    fn method_headers_and_body_are_sent_as_defined() {
        let check = HttpProbe { method: "POST".into(), body: "ping".into(), ..with_header("accept", "*/*") };
        let expected = "POST /x HTTP/1.1\r\nHost: web:8080\r\nUser-Agent: Consul Health Check\r\nContent-Length: 4\r\naccept: */*\r\nConnection: close\r\n\r\nping";
        assert_eq!(sent(&check, "http://web:8080/x").as_deref(), Ok(expected));
        let hosted = sent(&with_header("Host", "golden.test"), "http://web:8080/x").expect("a request");
        assert!(hosted.contains("Host: golden.test\r\n") && hosted.matches("Host").count() == 1);
    }

    #[test]
    fn another_host_is_told_neither_our_name_for_it_nor_our_secrets() {
        let elsewhere = |name, value| sent(&with_header(name, value), "http://other/").expect("a request");
        assert!(elsewhere("Host", "golden.test").contains("Host: other\r\n"));
        assert!(!elsewhere("Authorization", "Bearer x").contains("Bearer"));
        assert!(elsewhere("X-Kept", "y").contains("X-Kept: y\r\n"));
    }

    #[test]
    fn nothing_of_a_definition_smuggles_a_header_or_a_request() {
        assert_eq!(sent(&with_header("X", "a\r\nY: b"), "http://web/"), Err(RequestError::HeaderValue("X".into())));
        assert_eq!(sent(&with_header("X: a\r\nY", "b"), "http://web/"), Err(RequestError::HeaderName("X: a\r\nY".into())));
        assert!(sent(&HttpProbe { method: "GET / HTTP/1.1\r\n".into(), ..probe("http://web/") }, "http://web/").is_err());
        assert!(sent(&with_header("Host", "a\nb"), "http://web:8080/").is_err());
    }
}
