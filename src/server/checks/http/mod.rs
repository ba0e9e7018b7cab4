//! An HTTP request whose answer decides: 2xx passes, 429 warns, anything else is critical.

mod chunks;
mod expectation;
mod request;
mod response;
mod url;

pub use expectation::Patterns;
pub use response::{Body, Head, Reader, ResponseError};

use super::dial;
use super::script::captured;
use super::tls::{self, Inside, TlsError, Wire};
use super::{Bounds, ProbeSetting, critical};
use crate::health::Verdict;
use crate::model::{CheckStatus, HttpExpectation, HttpProbe, Redirects, quote};
use crate::runtime::{Runtime, Tail, timeout};
use request::{Request, RequestError};
use std::fmt;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::{Scheme, Url, UrlError, redacted};

/// Redirects followed, as Go's client.
const MOST_REDIRECTS: usize = 10;

/// Most of a body that is read, in bytes. Beyond it the answer counts as it is, and the output says so.
const LONGEST_BODY: u64 = 1 << 20;

/// Bytes read at a time: an answer to a check is seldom longer.
const PIECE: usize = 2048;

/// Makes the request, follows where it leads, and judges the answer.
pub async fn run<R: Runtime>(probe: &HttpProbe, bounds: Bounds, setting: &ProbeSetting) -> Verdict {
    let method = if probe.method.is_empty() { "GET" } else { &probe.method };
    let mut answer = Answer { head: None, body: Tail::new(bounds.output), whole: None, broken: None };
    if probe.expect.as_ref().is_some_and(|expect| !expect.body.is_empty()) {
        answer.whole = Some(Vec::new());
    }
    let failed = match timeout::<R, _>(bounds.timeout, follow::<R>(probe, method, &mut answer, setting)).await {
        Ok(done) => done.err().map(|failed| failed.to_string()),
        Err(_) if answer.head.is_some() => {
            Some("context deadline exceeded (Client.Timeout or context cancellation while reading body)".into())
        }
        Err(_) => Some("context deadline exceeded (Client.Timeout exceeded while awaiting headers)".into()),
    };
    // Once the status has come, it decides, whatever becomes of the body.
    match (&answer.head, failed) {
        (Some(head), failed) => judged(probe, method, head, &answer, failed, &setting.patterns),
        (None, failed) => critical(format!("{} {}: {}", titled(method), quote(&redacted(&probe.url)), failed.unwrap_or_default())),
    }
}

/// What has come of the answer.
struct Answer {
    head: Option<Head>,
    body: Tail,
    /// All of the body, up to [`LONGEST_BODY`], if something is looked for in it.
    whole: Option<Vec<u8>>,
    /// Why the body is not all there.
    broken: Option<String>,
}

impl Answer {
    fn take_body(&mut self, piece: &[u8]) {
        self.body.write(piece);
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(piece);
        }
    }

    fn forget_body(&mut self) {
        self.body = Tail::new(self.body.limit());
        if let Some(whole) = &mut self.whole {
            whole.clear();
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum HttpError {
    Url(UrlError),
    Request(RequestError),
    Connect(TlsError),
    Stream(&'static str, io::Error),
    Response(ResponseError),
    TooManyRedirects,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Url(cause) => cause.fmt(f),
            HttpError::Request(cause) => cause.fmt(f),
            HttpError::Connect(cause) => cause.fmt(f),
            HttpError::Stream(step, cause) => write!(f, "{step}: {}", dial::os_text(cause)),
            HttpError::Response(cause) => cause.fmt(f),
            HttpError::TooManyRedirects => write!(f, "stopped after {MOST_REDIRECTS} redirects"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Makes requests until an answer leads nowhere else. The answer is left in `answer`, as far as it has come.
async fn follow<R: Runtime>(probe: &HttpProbe, method: &str, answer: &mut Answer, setting: &ProbeSetting) -> Result<(), HttpError> {
    let origin = Url::parse(&probe.url).map_err(HttpError::Url)?;
    let (mut url, mut method, mut body) = (origin.clone(), method, probe.body.as_str());
    for _ in 0..=MOST_REDIRECTS {
        let request = Request { method, url: &url, origin: &origin, probe, body }.encode().map_err(HttpError::Request)?;
        let kind = if method == "HEAD" { Body::None } else { Body::Allowed };
        let stream = connect::<R>(&url, probe, setting).await?;
        let Some(location) = exchange(stream, &request, kind, probe.redirects, answer).await? else { return Ok(()) };
        // As every client does (RFC 9110, section 15.4): only 307 and 308 repeat the method and the body.
        if !matches!(location.status, 307 | 308) {
            (method, body) = (if method == "HEAD" { "HEAD" } else { "GET" }, "");
        }
        url = url.join(&location.to).map_err(HttpError::Url)?;
    }
    Err(HttpError::TooManyRedirects)
}

/// Where an answer leads.
struct Redirect {
    status: u16,
    to: String,
}

async fn connect<R: Runtime>(url: &Url, probe: &HttpProbe, setting: &ProbeSetting) -> Result<Wire<R::TcpStream>, HttpError> {
    let tls = match url.scheme {
        Scheme::Http => None,
        Scheme::Https => Some(&probe.tls),
    };
    tls::connect::<R>(&url.dial_address(), tls, Inside::Http1, &setting.tls).await.map_err(HttpError::Connect)
}

/// One request and its answer: where it leads, or nothing when `answer` holds it.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    kind: Body,
    redirects: Redirects,
    answer: &mut Answer,
) -> Result<Option<Redirect>, HttpError> {
    stream.write_all(request).await.map_err(|cause| HttpError::Stream("write", cause))?;
    stream.flush().await.map_err(|cause| HttpError::Stream("write", cause))?;
    let mut reader = Reader::new(kind);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let took = match stream.read_buf(&mut piece).await {
            Ok(0) => reader.end(),
            Ok(_) => reader.take(&piece, &mut |bytes| answer.take_body(bytes)),
            Err(cause) if reader.head().is_none() => return Err(HttpError::Stream("read", cause)),
            Err(cause) => {
                answer.broken = Some(dial::os_text(&cause));
                return Ok(None);
            }
        };
        if answer.head.is_none()
            && let Some(head) = reader.head()
        {
            if let Some(redirect) = redirect_of(head, redirects) {
                answer.forget_body();
                return Ok(Some(redirect));
            }
            answer.head = Some(head.clone());
        }
        if let Err(refused) = took {
            return Err(HttpError::Response(refused));
        }
        if reader.is_done() {
            return Ok(None);
        }
        if answer.body.written() > LONGEST_BODY {
            answer.broken = Some(format!("the body is longer than {LONGEST_BODY} bytes and was not read further"));
            return Ok(None);
        }
    }
}

/// Where an answer leads, if that is followed. Without `Location` it is an answer like any other.
fn redirect_of(head: &Head, redirects: Redirects) -> Option<Redirect> {
    match redirects {
        Redirects::Follow if matches!(head.status, 301 | 302 | 303 | 307 | 308) => {
            head.location.as_ref().filter(|to| !to.is_empty()).map(|to| Redirect { status: head.status, to: to.clone() })
        }
        Redirects::Follow | Redirects::Refuse => None,
    }
}

/// What an answer means. `failed` says why its body is not all there, unless the answer says it itself.
fn judged(probe: &HttpProbe, method: &str, head: &Head, answer: &Answer, failed: Option<String>, patterns: &Patterns) -> Verdict {
    let by_status = match head.status {
        200..=299 => CheckStatus::Passing,
        429 => CheckStatus::Warning,
        _ => CheckStatus::Critical,
    };
    let whole = answer.whole.as_deref().unwrap_or_default();
    let fault = probe.expect.as_ref().and_then(|expect| expectation::fault(expect, head.status, whole, patterns));
    let status = match (&fault, &probe.expect) {
        (Some(_), _) => CheckStatus::Critical,
        (None, Some(HttpExpectation { status: Some(_), .. })) => CheckStatus::Passing,
        (None, Some(HttpExpectation { status: None, .. }) | None) => by_status,
    };
    let because = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
    let mut output = format!("HTTP {method} {}: {}{because} Output: {}", redacted(&probe.url), head.status_line, captured(&answer.body));
    if let Some(broken) = answer.broken.as_ref().or(failed.as_ref()) {
        output.push_str(&format!("\n... ({broken})"));
    }
    Verdict { status, output }
}

/// `GET` as Go's errors write it: `Get`.
fn titled(method: &str) -> String {
    let mut titled = method.to_ascii_lowercase();
    if let Some(first) = titled.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    titled
}

#[cfg(test)]
mod tests;
