//! One HTTP request to an agent and its answer, on hyper.

use super::upload::FileBody;
use crate::api::lock::TOKEN_HEADER;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, timeout};
use bytes::Bytes;
use futures_util::future;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Patience with the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Patience with the answer: a server that leaves answers after its drain time.
const ANSWER: Duration = Duration::from_secs(120);
/// What is sent and worked on goes on at so many bytes a second at least.
const SLOWEST: u64 = 1 << 20;
/// Longest answer read.
const LONGEST: usize = 1 << 30;

/// Where an agent serves HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// A name or an address.
    pub(super) host: String,
    pub(super) port: u16,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// `GET`, `PUT`, ...
    pub(super) method: &'static str,
    /// Path and query, percent-encoded.
    pub(super) target: String,
    /// Header names and values.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// `X-Consul-Index`: what to wait past.
    pub(super) index: Option<u64>,
    /// The fencing token of the lock that was just taken.
    pub(super) lock_token: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// The answer with this head, its body still to come.
    fn headed(head: &::http::response::Parts) -> Response {
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let index = text("x-consul-index").and_then(|text| text.parse().ok());
        Response { status: head.status.as_u16(), index, lock_token: text(TOKEN_HEADER).map(str::to_owned), body: Vec::new() }
    }
}

/// Sends the request and waits for the whole answer.
pub(super) fn send(to: &Endpoint, request: Request) -> io::Result<Response> {
    Tokio::block_on(round_trip(to, request, ANSWER))
}

/// The same for who waits for other things meanwhile, with at most `patience` for the answer once the connection stands.
pub(super) async fn round_trip(to: &Endpoint, request: Request, patience: Duration) -> io::Result<Response> {
    deliver(to, message(to, request)?, patience).await
}

/// Sends the request with a file for its body, which is not held in memory, and waits for the whole answer. Its own body is left out.
pub(super) fn upload(to: &Endpoint, request: Request, file: FileBody) -> io::Result<Response> {
    let patience = ANSWER + Duration::from_secs(file.left() / SLOWEST);
    let message = message(to, request)?.map(|_| file);
    Tokio::block_on(deliver(to, message, patience))
}

async fn deliver<B>(to: &Endpoint, message: hyper::Request<B>, patience: Duration) -> io::Result<Response>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let stream = timeout::<Tokio, _>(CONNECT.min(patience), connect(to)).await.map_err(|_| late("connecting"))??;
    timeout::<Tokio, _>(patience, exchange(stream, message)).await.map_err(|_| late("the answer"))?
}

/// Sends the request and has `print` print the body of a success while it comes. Only the connection and the answer's head are waited for
/// with patience.
pub(super) fn stream(to: &Endpoint, request: Request, print: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Response> {
    Tokio::block_on(async {
        let stream = timeout::<Tokio, _>(CONNECT, connect(to)).await.map_err(|_| late("connecting"))??;
        print_while_it_comes(stream, to, request, print).await
    })
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"))
}

async fn print_while_it_comes(
    stream: <Tokio as Runtime>::TcpStream,
    to: &Endpoint,
    request: Request,
    mut print: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Response> {
    let message = message(to, request)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answer = async move {
        let head = timeout::<Tokio, _>(ANSWER, sender.send_request(message)).await.map_err(|_| late("the answer"))?;
        let (head, mut body) = head.map_err(io::Error::other)?.into_parts();
        let response = Response::headed(&head);
        if !head.status.is_success() {
            let body = Limited::new(body, LONGEST).collect().await.map_err(io::Error::other)?;
            return Ok(Response { body: body.to_bytes().to_vec(), ..response });
        }
        // A server that ends in a hurry breaks off the last chunk: that is an end like any other.
        while let Some(Ok(frame)) = body.frame().await {
            if let Some(bytes) = frame.data_ref() {
                print(bytes)?;
            }
        }
        Ok(response)
    };
    // The connection ends with the answer, or is dropped with it.
    match future::select(std::pin::pin!(answer), std::pin::pin!(connection)).await {
        future::Either::Left((answer, _)) => answer,
        future::Either::Right((_, answer)) => answer.await,
    }
}

fn message(to: &Endpoint, request: Request) -> io::Result<hyper::Request<Full<Bytes>>> {
    let host = if to.host.contains(':') { format!("[{}]:{}", to.host, to.port) } else { format!("{}:{}", to.host, to.port) };
    let builder = hyper::Request::builder().method(request.method).uri(request.target).header("Host", host);
    let builder = request.headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
    builder.body(Full::new(Bytes::from(request.body))).map_err(io::Error::other)
}

/// The first address of the host that takes the connection.
async fn connect(to: &Endpoint) -> io::Result<<Tokio as Runtime>::TcpStream> {
    let addresses = match to.host.parse() {
        Ok(ip) => vec![ip],
        Err(_) => Tokio::resolve(&to.host).await?,
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for ip in addresses {
        match Tokio::tcp_connect(SocketAddr::new(ip, to.port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn exchange<B>(stream: <Tokio as Runtime>::TcpStream, message: hyper::Request<B>) -> io::Result<Response>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answer = async move {
        let (head, body) = sender.send_request(message).await.map_err(io::Error::other)?.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(io::Error::other)?;
        Ok(Response { body: body.to_bytes().to_vec(), ..Response::headed(&head) })
    };
    future::join(answer, connection).await.0
}

#[cfg(test)]
mod tests {
    use super::{ANSWER, Endpoint, Request, Response, round_trip};
    use crate::runtime::tokio::Tokio;
    use crate::runtime::{Runtime, TcpListener};
    use futures_util::future;
    use std::io;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Serves one connection: returns what was read up to the end of `until`, having answered `answer`.
    async fn serve_one(listener: &<Tokio as Runtime>::TcpListener, until: &[u8], answer: &[u8]) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut chunk) = (Vec::new(), [0; 1024]);
        while !read.ends_with(until) {
            let n = stream.read(&mut chunk).await.unwrap();
            assert_ne!(n, 0, "the request ends early: {:?}", String::from_utf8_lossy(&read));
            read.extend(&chunk[..n]);
        }
        stream.write_all(answer).await.unwrap();
        read
    }

    fn exchange(answer: &[u8]) -> (io::Result<Response>, String) {
        Tokio::block_on(async {
            let listener = Tokio::tcp_listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let to = Endpoint { host: "localhost".to_owned(), port: TcpListener::local_addr(&listener).unwrap().port() };
            let headers = vec![("X-Consul-Token", "t".to_owned())];
            let request = Request { method: "PUT", target: "/v1/kv/a%20b?flags=1".to_owned(), headers, body: b"the body".to_vec() };
            let (response, read) = future::join(round_trip(&to, request, ANSWER), serve_one(&listener, b"the body", answer)).await;
            (response, String::from_utf8(read).unwrap())
        })
    }

    #[test]
    fn a_request_and_its_answer_cross_a_real_socket() {
        let (response, request) = exchange(
            b"HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nX-Muster-Lock-Token: t\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntrue\r\n1\r\n\n\r\n0\r\n\r\n",
        );
        let expected = Response { status: 200, index: Some(7), lock_token: Some("t".to_owned()), body: b"true\n".to_vec() };
        assert_eq!(response.unwrap(), expected);
        assert!(request.starts_with("PUT /v1/kv/a%20b?flags=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-consul-token: t\r\n") && request.contains("content-length: 8\r\n"), "{request}");
    }

    #[test]
    fn what_is_printed_while_it_comes_may_break_off_and_a_refusal_is_not_printed() {
        let streamed = |answer: &'static [u8]| {
            Tokio::block_on(async {
                let listener = Tokio::tcp_listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
                let to = Endpoint { host: "localhost".to_owned(), port: TcpListener::local_addr(&listener).unwrap().port() };
                let request = Request { method: "GET", target: "/x".to_owned(), headers: vec![], body: vec![] };
                let stream = super::connect(&to).await.unwrap();
                let mut printed = Vec::new();
                let print = |bytes: &[u8]| {
                    printed.extend_from_slice(bytes);
                    Ok(())
                };
                let streamed = super::print_while_it_comes(stream, &to, request, print);
                let response = future::join(streamed, serve_one(&listener, b"\r\n\r\n", answer)).await.0.unwrap();
                (response.status, String::from_utf8(response.body).unwrap(), String::from_utf8(printed).unwrap())
            })
        };
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n";
        assert_eq!(streamed(chunks), (200, String::new(), "one\ntwo\n".to_owned()));
        assert_eq!(streamed(b"HTTP/1.1 400 B\r\nContent-Length: 2\r\n\r\nno"), (400, "no".to_owned(), String::new()));
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        assert!(exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").0.is_err());
        assert!(exchange(b"").0.is_err());
    }
}
