//! Reads the answer to an HTTP check (RFC 9112) from whatever bytes come, without keeping its body.
//!
//! Pure: bytes go in, pieces of the body come out. However the bytes were cut, the same comes out. A head is read once, when its end has come,
//! so a server that sends it byte by byte costs no more than one that does not.

use super::chunks::Chunks;
use std::fmt;

/// Longest head of an answer, in bytes. Beyond it the answer is refused.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// Longest part of a wrong answer that is shown, in bytes.
const LONGEST_QUOTE: usize = 64;

/// What an answer says before its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its code: three digits.
    pub status: u16,
    /// Code and reason as the server gives them.
    pub status_line: String,
    /// Where a redirect leads.
    pub location: Option<String>,
    length: Length,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// So many bytes.
    Bytes(u64),
    /// As its chunks say.
    Chunked,
    /// Until the connection ends.
    UntilEnd,
}

/// Why an answer is none. The texts are those of Go's `net/http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseError {
    /// It does not begin as HTTP does.
    NotHttp(String),
    /// Its code is not one.
    Status(String),
    /// A line of its head is not `name: value`.
    Header(String),
    /// Its head is longer than [`LONGEST_HEAD`].
    HeadTooLong,
    /// How long the body is cannot be told.
    Length(String),
    /// Its chunks are not as they should be.
    Chunk,
    /// It ended before its time; nothing had come at all if `empty`.
    Ended {
        /// Whether nothing had come at all.
        empty: bool,
    },
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BROKEN: &str = "net/http: HTTP/1.x transport connection broken:";
        match self {
            ResponseError::NotHttp(line) => write!(f, "{BROKEN} malformed HTTP response {line:?}"),
            ResponseError::Status(code) => write!(f, "{BROKEN} malformed HTTP status code {code:?}"),
            ResponseError::Header(line) => write!(f, "{BROKEN} malformed MIME header line: {line}"),
            ResponseError::HeadTooLong => write!(f, "net/http: server response headers exceeded {LONGEST_HEAD} bytes; aborted"),
            ResponseError::Length(value) => write!(f, "{BROKEN} bad Content-Length {value:?}"),
            ResponseError::Chunk => f.write_str("malformed chunked encoding"),
            ResponseError::Ended { empty: true } => f.write_str("EOF"),
            ResponseError::Ended { empty: false } => f.write_str("unexpected EOF"),
        }
    }
}

impl std::error::Error for ResponseError {}

/// Whether the request's method allows the answer a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It may have one.
    Allowed,
    /// It was a `HEAD`.
    None,
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    body: Body,
    state: State,
    head: Option<Head>,
}

#[derive(Debug)]
enum State {
    Head { text: Vec<u8>, searched: usize },
    Bytes(u64),
    Chunks(Chunks),
    UntilEnd,
    Done,
}

impl Reader {
    /// A reader of the answer to a request.
    pub fn new(body: Body) -> Reader {
        Reader { body, state: State::Head { text: Vec::new(), searched: 0 }, head: None }
    }

    /// What came before the body, once it has come.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Whether all of the answer has come.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes the next bytes and gives the pieces of the body among them to `sink`. What follows the answer is ignored.
    pub fn take(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<(), ResponseError> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head { text, searched } => {
                    let taken = bytes.len().min(LONGEST_HEAD + 1 - text.len());
                    text.extend_from_slice(&bytes[..taken]);
                    let Some(end) = head_end(text, searched)? else {
                        if text.len() > LONGEST_HEAD {
                            return Err(ResponseError::HeadTooLong);
                        }
                        return Ok(());
                    };
                    let surplus = text.len() - end;
                    bytes = &bytes[taken - surplus..];
                    let head = parse_head(&text[..end])?;
                    self.begin_body(head);
                }
                State::Bytes(left) => {
                    let n = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    sink(&bytes[..n]);
                    *left -= n as u64;
                    if *left == 0 {
                        self.state = State::Done;
                    }
                    return Ok(());
                }
                State::Chunks(chunks) => {
                    if chunks.take(bytes, sink)? {
                        self.state = State::Done;
                    }
                    return Ok(());
                }
                State::UntilEnd => {
                    sink(bytes);
                    return Ok(());
                }
                State::Done => return Ok(()),
            }
        }
        Ok(())
    }

    /// The connection has ended.
    pub fn end(&mut self) -> Result<(), ResponseError> {
        match &self.state {
            State::Head { text, .. } => Err(ResponseError::Ended { empty: text.is_empty() }),
            State::Bytes(_) | State::Chunks(_) => Err(ResponseError::Ended { empty: false }),
            State::UntilEnd | State::Done => {
                self.state = State::Done;
                Ok(())
            }
        }
    }

    fn begin_body(&mut self, head: Head) {
        // Interim answers (RFC 9110, section 15.2) are followed by the answer.
        if matches!(head.status, 100..=199) && head.status != 101 {
            self.state = State::Head { text: Vec::new(), searched: 0 };
            return;
        }
        self.state = match head.length {
            _ if self.body == Body::None || matches!(head.status, 101 | 204 | 304) => State::Done,
            Length::Bytes(0) => State::Done,
            Length::Bytes(left) => State::Bytes(left),
            Length::Chunked => State::Chunks(Chunks::default()),
            Length::UntilEnd => State::UntilEnd,
        };
        self.head = Some(head);
    }
}

/// Where the head ends: after its first empty line. `searched` remembers how far there is none. What does not begin as HTTP is refused before
/// the end has come: it may never come.
fn head_end(text: &[u8], searched: &mut usize) -> Result<Option<usize>, ResponseError> {
    const BEGINNING: &[u8] = b"HTTP/";
    if !text.iter().zip(BEGINNING).all(|(is, should)| is == should) {
        return Err(ResponseError::NotHttp(quote(text.split(|byte| *byte == b'\n').next().unwrap_or_default())));
    }
    let newlines = text.iter().enumerate().skip(*searched).filter(|(_, byte)| **byte == b'\n');
    for (at, _) in newlines {
        match text.get(at + 1..) {
            Some([b'\n', ..]) => return Ok(Some(at + 2)),
            Some([b'\r', b'\n', ..]) => return Ok(Some(at + 3)),
            Some(_) | None => {}
        }
    }
    *searched = text.len().saturating_sub(2);
    Ok(None)
}

fn quote(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(LONGEST_QUOTE)]).trim_end().to_owned()
}

fn parse_head(text: &[u8]) -> Result<Head, ResponseError> {
    let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next().unwrap_or_default();
    let (status, status_line) = parse_status_line(first)?;
    let mut head = Head { status, status_line, location: None, length: Length::UntilEnd };
    for line in lines.take_while(|line| !line.is_empty()) {
        // An obsolete continuation (RFC 9112, section 5.2) of a header that means nothing to us.
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').filter(|at| *at > 0 && line[*at - 1] > b' ');
        let (name, value) = line.split_at(colon.ok_or_else(|| ResponseError::Header(quote(line)))?);
        take_header(&mut head, name, value[1..].trim_ascii())?;
    }
    Ok(head)
}

/// `HTTP/1.1 200 OK`: code, and code with reason.
fn parse_status_line(line: &[u8]) -> Result<(u16, String), ResponseError> {
    let refused = || ResponseError::NotHttp(quote(line));
    let space = line.iter().position(|byte| *byte == b' ').ok_or_else(refused)?;
    let (version, rest) = line.split_at(space);
    let [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] = version else { return Err(refused()) };
    let rest = rest.trim_ascii();
    let code = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let status = std::str::from_utf8(code).ok().filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()));
    let status = status.and_then(|code| code.parse().ok()).ok_or_else(|| ResponseError::Status(quote(code)))?;
    Ok((status, String::from_utf8_lossy(rest).into_owned()))
}

/// Keeps what a header says about where the answer leads and where it ends (RFC 9112, section 6.3).
fn take_header(head: &mut Head, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
    if name.eq_ignore_ascii_case(b"location") {
        head.location = head.location.take().or_else(|| Some(String::from_utf8_lossy(value).into_owned()));
    } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
        let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        head.length = if last.eq_ignore_ascii_case(b"chunked") { Length::Chunked } else { Length::UntilEnd };
    } else if name.eq_ignore_ascii_case(b"content-length") {
        let refused = || ResponseError::Length(quote(value));
        let digits = std::str::from_utf8(value).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let bytes = digits.and_then(|digits| digits.parse().ok()).ok_or_else(refused)?;
        head.length = match head.length {
            Length::Chunked => Length::Chunked,
            Length::Bytes(other) if other != bytes => return Err(refused()),
            Length::Bytes(_) | Length::UntilEnd => Length::Bytes(bytes),
        };
    }
    Ok(())
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
