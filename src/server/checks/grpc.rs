//! gRPC's health service (grpc.health.v1, `Health/Check`): one unary call, whose messages are short enough to be written by hand.

use super::h2::{Spoken, Told};
use super::tls::{self, Inside, TlsError};
use super::{Bounds, ProbeSetting, critical, passing};
use crate::health::Verdict;
use crate::model::TlsProbe;
use crate::runtime::{Runtime, timeout};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request, Version};
use percent_encoding::percent_decode;
use std::fmt;
use std::time::Duration;

/// Longest answer that is read, in bytes. A status is two.
const LONGEST_ANSWER: usize = 4096;

/// `SERVING` of `HealthCheckResponse.ServingStatus`.
const SERVING: u64 = 1;

/// Why the service is not known to be served.
#[derive(Debug)]
enum GrpcError {
    Connect(TlsError),
    Broken(h2::Error),
    Ended,
    Target(String),
    /// Not gRPC's status of HTTP, which is 200.
    Http(u16),
    /// The call ended so: code and what is said of it.
    Status(u32, String),
    TooLong,
    NotServing,
}

impl fmt::Display for GrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = |f: &mut fmt::Formatter<'_>, code: u32, what: &str| write!(f, "rpc error: code = {} desc = {what}", code_name(code));
        match self {
            GrpcError::Connect(cause) => status(f, 14, &format!("connection error: desc = \"transport: Error while dialing {cause}\"")),
            GrpcError::Broken(cause) => status(f, 14, &Told(cause).to_string()),
            GrpcError::Ended => status(f, 14, "error reading from server: EOF"),
            GrpcError::Target(target) => status(f, 14, &format!("{target:?} is not a server's address")),
            GrpcError::Http(code) => status(f, 2, &format!("unexpected HTTP status code received from server: {code}")),
            GrpcError::Status(code, message) => status(f, *code, message),
            GrpcError::TooLong => status(f, 8, &format!("received message larger than max ({LONGEST_ANSWER} bytes)")),
            GrpcError::NotServing => f.write_str("gRPC application didn't report service healthy"),
        }
    }
}

impl std::error::Error for GrpcError {}

/// Asks whether the target's service is served: the one behind `/`, or the server as a whole.
pub async fn run<R: Runtime>(target: &str, tls: Option<&TlsProbe>, bounds: Bounds, setting: &ProbeSetting) -> Verdict {
    match timeout::<R, _>(bounds.timeout, check::<R>(target, tls, bounds.timeout, setting)).await {
        Ok(Ok(())) => passing(format!("gRPC check {target}: success")),
        Ok(Err(cause)) => critical(cause.to_string()),
        Err(_) => critical("rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    }
}

async fn check<R: Runtime>(target: &str, tls: Option<&TlsProbe>, patience: Duration, setting: &ProbeSetting) -> Result<(), GrpcError> {
    let (addr, service) = target.split_once('/').unwrap_or((target, ""));
    let request = request(addr, tls, patience).map_err(|_| GrpcError::Target(addr.to_owned()))?;
    let wire = tls::connect::<R>(addr, tls, Inside::Http2, &setting.tls).await.map_err(GrpcError::Connect)?;
    let spoken = Spoken::begin(wire).await.map_err(GrpcError::Broken)?;
    let requests = spoken.requests.clone();
    spoken.during(call(requests, request, message(service))).await.ok_or(GrpcError::Ended)?
}

fn request(addr: &str, tls: Option<&TlsProbe>, patience: Duration) -> Result<Request<()>, http::Error> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    // At most eight digits (gRPC over HTTP/2, "Timeout").
    let patience = patience.as_millis().clamp(1, 99_999_999);
    Request::post(format!("{scheme}://{addr}/grpc.health.v1.Health/Check"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("user-agent", "Consul Health Check")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{patience}m"))
        .body(())
}

/// A `HealthCheckRequest` behind its prefix: not compressed, its length.
fn message(service: &str) -> Bytes {
    let mut fields = Vec::new();
    if !service.is_empty() {
        fields.push(0x0A);
        let mut length = service.len();
        while length >= 0x80 {
            fields.push(length as u8 | 0x80);
            length >>= 7;
        }
        fields.push(length as u8);
        fields.extend_from_slice(service.as_bytes());
    }
    let mut out = vec![0];
    out.extend((fields.len() as u32).to_be_bytes());
    out.extend(fields);
    out.into()
}

async fn call(mut requests: SendRequest<Bytes>, request: Request<()>, message: Bytes) -> Result<(), GrpcError> {
    std::future::poll_fn(|cx| requests.poll_ready(cx)).await.map_err(GrpcError::Broken)?;
    let (response, mut body) = requests.send_request(request, false).map_err(GrpcError::Broken)?;
    body.send_data(message, true).map_err(GrpcError::Broken)?;
    let (head, mut answer) = response.await.map_err(GrpcError::Broken)?.into_parts();
    if head.status != 200 {
        return Err(GrpcError::Http(head.status.as_u16()));
    }
    // An answer without a message has its status in its only headers.
    ended_well(&head.headers)?;
    let message = read(&mut answer).await?;
    if let Some(trailers) = answer.trailers().await.map_err(GrpcError::Broken)? {
        ended_well(&trailers)?;
    }
    if status_in(&message) == Some(SERVING) { Ok(()) } else { Err(GrpcError::NotServing) }
}

async fn read(answer: &mut RecvStream) -> Result<Vec<u8>, GrpcError> {
    let mut message = Vec::new();
    while let Some(piece) = answer.data().await {
        let piece = piece.map_err(GrpcError::Broken)?;
        if message.len() + piece.len() > LONGEST_ANSWER {
            return Err(GrpcError::TooLong);
        }
        message.extend_from_slice(&piece);
        answer.flow_control().release_capacity(piece.len()).map_err(GrpcError::Broken)?;
    }
    Ok(message)
}

/// Whether headers say that the call failed.
fn ended_well(headers: &HeaderMap) -> Result<(), GrpcError> {
    let Some(code) = headers.get("grpc-status") else { return Ok(()) };
    let code = code.to_str().ok().and_then(|code| code.parse().ok()).unwrap_or(2);
    let said = headers.get("grpc-message").map(|said| percent_decode(said.as_bytes()).decode_utf8_lossy().into_owned());
    if code == 0 { Ok(()) } else { Err(GrpcError::Status(code, said.unwrap_or_default())) }
}

/// The `status` of a `HealthCheckResponse`. What else is in it is skipped; nothing at all is `UNKNOWN`, which has no bytes.
fn status_in(message: &[u8]) -> Option<u64> {
    let (prefix, mut fields) = message.split_at_checked(5)?;
    if prefix[0] != 0 || u32::from_be_bytes(prefix[1..].try_into().ok()?) as usize != fields.len() {
        return None;
    }
    let mut status = 0;
    while !fields.is_empty() {
        let key = varint(&mut fields)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = varint(&mut fields)?,
            (_, 0) => drop(varint(&mut fields)?),
            (_, 1) => fields = fields.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut fields)?).ok()?;
                fields = fields.get(length..)?;
            }
            (_, 5) => fields = fields.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

/// A number of Protocol Buffers: seven bits a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn code_name(code: u32) -> String {
    const NAMES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).map_or_else(|| format!("Code({code})"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::servers::{SERVER, acceptor, found, verified};
    use super::super::tests::{on_tokio, seconds};
    use super::{message, status_in};
    use crate::health::Verdict;
    use crate::model::{CheckStatus, Probe, TlsProbe};
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Response};
    use tokio::io::{AsyncRead, AsyncWrite};

    /// A health service with one service, `web`, that stands so.
    async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, status: u8) {
        let mut connection = h2::server::handshake(stream).await.expect("speaks HTTP/2");
        while let Some(Ok((request, mut reply))) = connection.accept().await {
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            assert_eq!(request.headers()["content-type"], "application/grpc");
            let asked = request.into_body().data().await.expect("a message").expect("whole");
            if asked != message("web") && asked != message("") {
                let refusal = Response::builder().header("grpc-status", "5").header("grpc-message", "unknown%20service").body(());
                reply.send_response(refusal.expect("a response"), true).expect("sends");
                continue;
            }
            let head = Response::builder().header("content-type", "application/grpc").body(()).expect("a response");
            let mut body = reply.send_response(head, false).expect("sends");
            body.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false).expect("sends");
            body.send_trailers(HeaderMap::from_iter([("grpc-status".parse().expect("a name"), HeaderValue::from_static("0"))]))
                .expect("sends");
        }
    }

    fn asked(service: &str, status: u8) -> Verdict {
        let target = move |at: std::net::SocketAddr| Probe::Grpc { target: format!("{at}{service}"), tls: None };
        found(move |stream| serve(stream, status), target, seconds(10))
    }

    #[test]
    fn a_service_that_is_served_passes() {
        assert_eq!(asked("", 1).output, "gRPC check SERVER: success");
        let verdict = asked("/web", 1);
        assert_eq!((verdict.status, verdict.output.as_str()), (CheckStatus::Passing, "gRPC check SERVER/web: success"));
        let acceptor = acceptor(SERVER, &[b"h2"]);
        let in_tls = move |stream| {
            let acceptor = acceptor.clone();
            async move { serve(acceptor.accept(stream).await.expect("agrees"), 1).await }
        };
        let target = |tls: TlsProbe| move |at: std::net::SocketAddr| Probe::Grpc { target: format!("{at}/web"), tls: Some(tls) };
        assert_eq!(found(in_tls, target(verified("web.test")), seconds(10)).output, "gRPC check SERVER/web: success");
    }

    #[test]
    fn a_service_that_is_not_is_critical() {
        let verdict = asked("/web", 2);
        assert_eq!((verdict.status, verdict.output.as_str()), (CheckStatus::Critical, "gRPC application didn't report service healthy"));
        assert_eq!(asked("/other", 1).output, "rpc error: code = NotFound desc = unknown service");
        let refused = on_tokio(&Probe::Grpc { target: "127.0.0.1:1".into(), tls: None }, seconds(5), 4096);
        let said = "rpc error: code = Unavailable desc = connection error: \
                    desc = \"transport: Error while dialing dial tcp 127.0.0.1:1: connect: connection refused\"";
        assert_eq!((refused.status, refused.output.as_str()), (CheckStatus::Critical, said));
        let target = |at: std::net::SocketAddr| Probe::Grpc { target: at.to_string(), tls: None };
        let silent = found(
            |stream| async move {
                std::future::pending::<()>().await;
                drop(stream)
            },
            target,
            std::time::Duration::from_millis(200),
        );
        assert_eq!(silent.output, "rpc error: code = DeadlineExceeded desc = context deadline exceeded");
        assert_eq!(on_tokio(&Probe::Grpc { target: "a b".into(), tls: None }, seconds(5), 4096).status, CheckStatus::Critical);
    }

    #[test]
    fn a_status_is_read_among_other_fields_and_nonsense_is_none() {
        assert_eq!(status_in(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(status_in(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(status_in(&[0, 0, 0, 0, 6, 18, 2, 7, 7, 8, 1]), Some(1));
        for nonsense in [&[][..], &[0, 0, 0, 0, 3, 8, 1], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 2, 18, 9], &[0, 0, 0, 0, 1, 8]] {
            assert_eq!(status_in(nonsense), None, "{nonsense:?}");
        }
        assert_eq!(message("web"), &[0, 0, 0, 0, 5, 0x0A, 3, b'w', b'e', b'b'][..]);
    }
}
