//! A small HTTP/1.1 client. It sends exactly what it is told to, which a full client would not: bad paths, odd headers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest body read, far above what any agent answers to the corpus.
const LONGEST_BODY: u64 = 64 << 20;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body; `None` sends none.
    pub body: Option<Vec<u8>>,
    /// The longest silence of the other side.
    pub patience: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body, as sent.
    pub body: Vec<u8>,
    /// From connecting to the last byte.
    pub took: Duration,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Request {
    /// A GET with nothing to it.
    pub fn get(path: &str, patience: Duration) -> Request {
        Request { method: "GET".to_owned(), path: path.to_owned(), headers: Vec::new(), body: None, patience }
    }

    fn head(&self, address: &str) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {address}\r\n", self.method, self.path);
        if self.body.is_some() || matches!(self.method.as_str(), "PUT" | "POST") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.as_ref().map_or(0, Vec::len)));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }
}

/// Sends one request on a connection of its own and reads the answer.
pub fn call(address: &str, request: &Request) -> io::Result<Answer> {
    let start = Instant::now();
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(request.patience))?;
    stream.set_write_timeout(Some(request.patience))?;
    (&stream).write_all(request.head(address).as_bytes())?;
    if let Some(body) = &request.body {
        send_body(&stream, body)?;
    }
    let mut reader = BufReader::new(&stream);
    let (status, headers) = loop {
        let (line, headers) = read_head(&mut reader)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        match status.ok_or_else(|| malformed(&format!("status line {line:?}")))? {
            100..200 => {}
            status => break (status, headers),
        }
    };
    let bodiless = request.method == "HEAD" || matches!(status, 204 | 304);
    let body = if bodiless { Vec::new() } else { read_body(&mut reader, &headers)? };
    Ok(Answer { status, headers, body, took: start.elapsed() })
}

/// A server that refuses a body may close before all of it is sent: its answer is there already.
fn send_body(mut stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    match stream.write_all(body) {
        Err(e) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        sent => sent,
    }
}

/// The first header of this name, whatever its case.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A start line and the headers after it.
pub fn read_head(reader: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let start = read_line(reader)?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok((start, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed(&format!("header line {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// The body after a head with these headers: by chunks, by length or to the end of the stream.
pub fn read_body(reader: &mut impl BufRead, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    if header(headers, "transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return read_chunks(reader);
    }
    let length =
        header(headers, "content-length").map(|v| v.parse::<u64>().map_err(|_| malformed(&format!("length {v:?}")))).transpose()?;
    let mut body = Vec::new();
    reader.take(length.unwrap_or(LONGEST_BODY).min(LONGEST_BODY)).read_to_end(&mut body)?;
    match length {
        Some(length) if length != body.len() as u64 => Err(malformed(&format!("{} of {length} bytes of body", body.len()))),
        Some(_) | None => Ok(body),
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| malformed(&format!("chunk size {line:?}")))?;
        if size == 0 {
            while !read_line(reader)?.is_empty() {}
            return Ok(body);
        }
        reader.take(size).read_to_end(&mut body)?;
        if !read_line(reader)?.is_empty() || body.len() as u64 > LONGEST_BODY {
            return Err(malformed("a chunk is longer than its size"));
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(1 << 20).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\n") {
        Some(line) => Ok(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()),
        None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed in the middle of a head")),
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed HTTP: {what}"))
}
