//! Protocols spoken far enough to see that work is done, where Consul sees an open port: a query is answered, a name is resolved, a sender is
//! accepted (ours). The few messages this takes are written here by hand: a client library would bring its own sockets, pools and timers.

mod dns;
mod mysql;
mod postgres;
mod redis;
mod scram;
mod smtp;
mod talk;
#[cfg(test)]
mod tests;

use super::dial::DialError;
use super::tls::TlsError;
use super::{Bounds, ProbeSetting, critical, dial, passing};
use crate::health::Verdict;
use crate::model::{NativeProbe, Protocol, TlsProbe, Trust};
use crate::runtime::{Runtime, timeout};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::Ipv6Addr;

/// Why a server is not known to do its work.
#[derive(Debug)]
enum NativeError {
    Dial(DialError),
    Tls(TlsError),
    Stream(io::Error),
    /// The connection ended in the middle of the talk.
    Ended,
    /// The answer is longer than the most that is read, in bytes.
    TooLong(usize),
    /// What came is not what the protocol has there.
    Unexpected(&'static str, String),
    /// The server says no, in these words.
    Refused(String),
    /// A parameter is not one: name, value, what it must be.
    Parameter(&'static str, String, &'static str),
    /// The server asks for something that the definition does not have.
    Lacking(&'static str),
    /// The server wants to be convinced in a way that is not spoken here.
    Unspoken(String),
    /// The answer is one, and not the one that was asked for.
    NotAsAsked(String),
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NativeError::Dial(cause) => cause.fmt(f),
            NativeError::Tls(cause) => cause.fmt(f),
            NativeError::Stream(cause) => f.write_str(&dial::os_text(cause)),
            NativeError::Ended => f.write_str("the server closed the connection"),
            NativeError::TooLong(most) => write!(f, "the answer is longer than {most} bytes"),
            NativeError::Unexpected(expected, came) => write!(f, "expected {expected}, got {came:?}"),
            NativeError::Refused(said) => f.write_str(said),
            NativeError::Parameter(name, value, rule) => write!(f, "{name} is {value:?}: it must be {rule}"),
            NativeError::Lacking(what) => write!(f, "the server asks for {what}, and the check has none"),
            NativeError::Unspoken(what) => write!(f, "the server asks for authentication by {what}, which this check does not speak"),
            NativeError::NotAsAsked(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for NativeError {}

impl From<DialError> for NativeError {
    fn from(cause: DialError) -> NativeError {
        NativeError::Dial(cause)
    }
}

impl From<TlsError> for NativeError {
    fn from(cause: TlsError) -> NativeError {
        NativeError::Tls(cause)
    }
}

impl From<io::Error> for NativeError {
    fn from(cause: io::Error) -> NativeError {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => NativeError::Ended,
            _ => NativeError::Stream(cause),
        }
    }
}

/// What a definition asks of a server.
struct Asked<'a> {
    /// `host:port`.
    addr: String,
    params: &'a BTreeMap<String, String>,
}

impl<'a> Asked<'a> {
    /// A parameter, or what stands for it if it is not given.
    fn param(&self, name: &str, otherwise: &'a str) -> &'a str {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty()).unwrap_or(otherwise)
    }

    /// Whether the talk goes on in TLS: `tls` is `verified`, `any` or not given.
    fn tls(&self) -> Result<Option<TlsProbe>, NativeError> {
        let trust = match self.param("tls", "") {
            "" => return Ok(None),
            "verified" => Trust::Verified,
            "any" => Trust::Any,
            other => return Err(NativeError::Parameter("tls", other.to_owned(), "\"verified\" or \"any\"")),
        };
        Ok(Some(TlsProbe { trust, server_name: String::new() }))
    }
}

/// Talks to the server. The output says what it answered, or why it did not.
pub async fn run<R: Runtime>(probe: &NativeProbe, bounds: Bounds, setting: &ProbeSetting) -> Verdict {
    let (name, port) = match probe.protocol {
        Protocol::Postgres => ("postgres", 5432),
        Protocol::Redis => ("redis", 6379),
        Protocol::Mysql => ("mysql", 3306),
        Protocol::Dns => ("dns", 53),
        Protocol::Smtp => ("smtp", 25),
    };
    let asked = Asked { addr: with_port(&probe.addr, port), params: &probe.params };
    let talk = async {
        match probe.protocol {
            Protocol::Postgres => postgres::ask::<R>(&asked, setting).await,
            Protocol::Redis => redis::ask::<R>(&asked).await,
            Protocol::Mysql => mysql::ask::<R>(&asked, setting).await,
            Protocol::Dns => dns::ask::<R>(&asked, bounds.timeout).await,
            Protocol::Smtp => smtp::ask::<R>(&asked).await,
        }
    };
    let said = |what: &str| format!("{name} {}: {what}", asked.addr);
    match timeout::<R, _>(bounds.timeout, talk).await {
        Ok(Ok(answer)) => passing(said(&answer)),
        Ok(Err(cause)) => critical(said(&cause.to_string())),
        Err(_) => critical(said("context deadline exceeded")),
    }
}

/// `addr` with a port.
fn with_port(addr: &str, port: u16) -> String {
    if addr.parse::<Ipv6Addr>().is_ok() {
        return format!("[{addr}]:{port}");
    }
    if dial::split(addr).is_some() { addr.to_owned() } else { format!("{addr}:{port}") }
}
