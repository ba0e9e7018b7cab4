//! The agent a command talks to: where it is, with which token, and how its refusals read.

use super::args::{Args, FlagSpec, switch, value};
use super::http::{Endpoint, Request, Response};
use super::remote::Remote;
use super::upload::FileBody;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use std::io;
use std::time::Duration;

/// Flags of every command that talks to an agent.
pub(super) const CLIENT_FLAGS: &[FlagSpec] = &[
    value("http-addr", "Address of the agent: host:port or http://host:port. Also MUSTER_HTTP_ADDR and CONSUL_HTTP_ADDR."),
    value("token", "Token to send. Also CONSUL_HTTP_TOKEN."),
    value("token-file", "File holding the token to send. Also CONSUL_HTTP_TOKEN_FILE."),
    value("ca-file", "For https, which this version does not speak."),
    value("ca-path", "For https, which this version does not speak."),
    value("client-cert", "For https, which this version does not speak."),
    value("client-key", "For https, which this version does not speak."),
    value("tls-server-name", "For https, which this version does not speak."),
];

const ASKED_DATACENTER: FlagSpec = value("datacenter", "Datacenter to ask; the agent's own unless set.");

/// Flags of commands that only a leader answers.
pub(super) const DATACENTER: &[FlagSpec] = &[ASKED_DATACENTER];

/// Flags of commands that a server answers.
pub(super) const SERVER_FLAGS: &[FlagSpec] = &[ASKED_DATACENTER, switch("stale", "Let any server answer, with what it has.")];

/// The process around a command; in tests a table of answers.
pub(super) trait Surroundings {
    /// An environment variable, unless it is empty.
    fn env(&self, name: &str) -> Option<String>;
    /// All of standard input.
    fn stdin(&self) -> io::Result<Vec<u8>>;
    /// One HTTP exchange.
    fn send(&self, to: &Endpoint, request: Request) -> io::Result<Response>;
    /// The same with a file for the request's body.
    fn upload(&self, to: &Endpoint, request: Request, file: FileBody) -> io::Result<Response>;
    /// Runs a program with this on its standard input and waits for its end; one that fails is an error.
    fn run(&self, args: &[String], env: &[(&str, &str)], input: &[u8]) -> io::Result<()>;
    /// Says why on standard error, and waits.
    fn pause(&self, pause: Duration, why: &str) -> io::Result<()>;
    /// The same, but the body of a success goes to `into` while it comes.
    fn stream(&self, to: &Endpoint, request: Request, into: &mut dyn io::Write) -> io::Result<Response>;
}

const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
const IN_QUERY: &AsciiSet = &IN_PATH.add(b'/');
const IN_NO_SEGMENT: &AsciiSet = &IN_QUERY.add(b'.');

/// `text` as part of a path, its slashes kept; unless it has segments which agents take for a detour to another path, and redirect.
pub(super) fn path(text: &str) -> String {
    let mut segments = text.split('/').rev();
    // A slash at the end leads to an empty segment that means something.
    let detour = segments.next().is_some_and(|last| matches!(last, "." | "..")) || segments.any(|one| matches!(one, "" | "." | ".."));
    utf8_percent_encode(text, if detour { IN_NO_SEGMENT } else { IN_PATH }).to_string()
}

/// Query parameters, in the order given.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(pub(super) String);

impl Query {
    /// Adds `name=value`.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Query {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(&value.to_string(), IN_QUERY));
        self
    }

    /// Adds `name=value` if there is a value.
    pub(super) fn with_some(self, name: &str, value: Option<impl ToString>) -> Query {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds `dc` and `stale` as the flags say.
    pub(super) fn with_server_flags(self, args: &Args) -> Query {
        self.with_some("dc", args.value("datacenter")).with_some("stale", args.is_on("stale").then_some("true"))
    }
}

/// An agent to ask.
pub(super) struct Client<'a> {
    surroundings: &'a dyn Surroundings,
    endpoint: Endpoint,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    /// The agent that flags and environment name.
    pub(super) fn new(args: &Args, surroundings: &'a dyn Surroundings) -> Result<Client<'a>, String> {
        let env = |name| surroundings.env(name);
        let address = args.value("http-addr").map(str::to_owned).or_else(|| env("MUSTER_HTTP_ADDR")).or_else(|| env("CONSUL_HTTP_ADDR"));
        let endpoint = endpoint(address.as_deref().unwrap_or("127.0.0.1:8500"))?;
        if env("CONSUL_HTTP_SSL").is_some_and(|on| matches!(on.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")) {
            return Err("CONSUL_HTTP_SSL asks for https, which this version does not speak: unset it".to_owned());
        }
        let mut headers = Vec::new();
        if let Some(token) = token(args, surroundings)? {
            headers.push(("X-Consul-Token", token));
        }
        if let Some(login) = env("CONSUL_HTTP_AUTH") {
            use base64::Engine;
            headers.push(("Authorization", format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login))));
        }
        Ok(Client { surroundings, endpoint, headers })
    }

    /// Sends a request. The error is an agent that cannot be reached, with what to do.
    pub(super) fn send(&self, method: &'static str, path: &str, query: Query, body: Vec<u8>) -> Result<Response, String> {
        let request = self.request(method, path, query, body);
        self.surroundings.send(&self.endpoint, request).map_err(|error| self.unreachable(&error))
    }

    /// Puts a file, which is not held in memory, and takes an answer of 200 only.
    pub(super) fn upload(&self, path: &str, query: Query, file: FileBody) -> Result<(), String> {
        let request = self.request("PUT", path, query, Vec::new());
        let response = self.surroundings.upload(&self.endpoint, request, file).map_err(|error| self.unreachable(&error))?;
        if response.status == 200 { Ok(()) } else { Err(unexpected(&response)) }
    }

    fn request(&self, method: &'static str, path: &str, query: Query, body: Vec<u8>) -> Request {
        Request { method, target: format!("{path}{}", query.0), headers: self.headers.clone(), body }
    }

    /// Gets what is long or has no end, and writes it to `into` while it comes. The body of the answer is empty, unless it is no success.
    pub(super) fn stream(&self, path: &str, query: Query, into: &mut dyn io::Write) -> Result<Response, String> {
        let request = self.request("GET", path, query, Vec::new());
        self.surroundings.stream(&self.endpoint, request, into).map_err(|error| self.unreachable(&error))
    }

    /// Sends a request and takes an answer of 200 only.
    pub(super) fn succeed(&self, method: &'static str, path: &str, query: Query, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let response = self.send(method, path, query, body)?;
        if response.status == 200 { Ok(response.body) } else { Err(unexpected(&response)) }
    }

    /// Gets a JSON document.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str, query: Query) -> Result<T, String> {
        decoded(&self.succeed("GET", path, query, Vec::new())?)
    }

    /// The same agent, for a command that waits for several things at once.
    pub(super) fn remote(&self, args: &Args) -> Remote {
        Remote::new(self.endpoint.clone(), self.headers.clone(), args.value("datacenter").map(str::to_owned))
    }

    fn unreachable(&self, error: &io::Error) -> String {
        let Endpoint { host, port } = &self.endpoint;
        let advice = match error.kind() {
            io::ErrorKind::ConnectionRefused => "Is the agent running? If it serves HTTP elsewhere, give -http-addr or CONSUL_HTTP_ADDR",
            io::ErrorKind::TimedOut => "Is the agent's host up, and no firewall in between?",
            _ => "Check -http-addr or CONSUL_HTTP_ADDR",
        };
        format!("no answer from http://{host}:{port}: {error}. {advice}")
    }
}

/// The text for an answer that is not what was hoped for.
pub(super) fn unexpected(response: &Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    format!("Unexpected response code: {} ({})", response.status, body.trim_end())
}

/// Reads a JSON answer.
pub(super) fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|e| format!("the answer is not what an agent sends: {e}. Check -http-addr or CONSUL_HTTP_ADDR"))
}

fn token(args: &Args, surroundings: &dyn Surroundings) -> Result<Option<String>, String> {
    let file = args.value("token-file").map(str::to_owned);
    let given = args.value("token").map(str::to_owned);
    match (given, file) {
        (Some(token), _) => Ok(Some(token).filter(|token| !token.is_empty())),
        (None, Some(file)) => read_token(&file).map(Some),
        (None, None) => match (surroundings.env("CONSUL_HTTP_TOKEN"), surroundings.env("CONSUL_HTTP_TOKEN_FILE")) {
            (Some(token), _) => Ok(Some(token)),
            (None, Some(file)) => read_token(&file).map(Some),
            (None, None) => Ok(None),
        },
    }
}

fn read_token(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file).map(|text| text.trim().to_owned()).map_err(|e| format!("Error loading token file {file:?}: {e}"))
}

/// `host`, `host:port`, `http://host:port` or `[ip6]:port`. Without a port 8500, or with `http://` 80.
fn endpoint(address: &str) -> Result<Endpoint, String> {
    let refused = |why: &str| format!("-http-addr {address:?} {why}");
    let (rest, default_port) = match address.split_once("://") {
        None => (address, 8500),
        Some(("http" | "tcp", rest)) => (rest, 80),
        Some(("https", _)) => return Err(refused("asks for https, which this version does not speak")),
        Some(("unix", _)) => return Err(refused("is a unix socket, which this version does not speak")),
        Some((_, _)) => return Err(refused("must begin with http:// or have no scheme")),
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None if rest.matches(':').count() > 1 => (rest, None),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default_port), |port| port.parse().ok().filter(|port| *port != 0));
    match port {
        Some(port) if !host.is_empty() && !host.contains(['/', ' ', '?', '#', '@']) => Ok(Endpoint { host: host.to_owned(), port }),
        Some(_) | None => Err(refused("must be host:port, such as 127.0.0.1:8500")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Query, endpoint, path};

    #[test]
    fn an_address_may_have_a_scheme_and_a_port() {
        for (text, host, port) in [
            ("10.0.0.1:80", "10.0.0.1", 80),
            ("http://consul.local:8500/", "consul.local", 8500),
            ("http://consul.local", "consul.local", 80),
            ("localhost", "localhost", 8500),
            ("[::1]:8500", "::1", 8500),
            ("::1", "::1", 8500),
        ] {
            let found = endpoint(text).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port), "{text}");
        }
        for text in ["https://x", "unix:///x", "ftp://x", "x:port", "", ":8500", "http://user@x", "x/y"] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_keep_their_slashes_and_queries_do_not() {
        assert_eq!(path("a/b c?\u{e9}"), "a/b%20c%3F%C3%A9");
        assert_eq!((path(""), path("a/"), path("a/.b/")), (String::new(), "a/".to_owned(), "a/.b/".to_owned()));
        for (text, written) in [("a//b", "a%2F%2Fb"), ("../up", "%2E%2E%2Fup"), ("a/.", "a%2F%2E"), ("/a", "%2Fa")] {
            assert_eq!(path(text), written);
        }
        assert_eq!(Query::default().with("dc", "a/b&c").with("flags", 7).0, "?dc=a%2Fb%26c&flags=7");
    }
}
