//! The answer of a server that is checked and may be anyone.

use muster::server::checks::http::{Body, Head, Reader, ResponseError};
use std::mem::{Discriminant, discriminant};

/// What came out of a reading: head, body, how it ended. What an error quotes is what had come by then.
type Outcome = (Option<Head>, Vec<u8>, Result<(), Discriminant<ResponseError>>);

/// Reads `input` as an answer. However it is cut into reads, the same comes out, and no more than came in.
pub fn run(input: &[u8]) {
    for body in [Body::Allowed, Body::None] {
        let whole = read(input, input.len().max(1), body);
        assert_eq!(whole, read(input, 1, body), "the answer depends on how the stream was cut");
        assert_eq!(whole, read(input, 7, body), "the answer depends on how the stream was cut");
        assert!(whole.1.len() <= input.len(), "{} bytes of body out of {}", whole.1.len(), input.len());
    }
}

fn read(input: &[u8], at_a_time: usize, body: Body) -> Outcome {
    let (mut reader, mut content) = (Reader::new(body), Vec::new());
    let mut end = Ok(());
    for piece in input.chunks(at_a_time) {
        end = reader.take(piece, &mut |bytes| content.extend_from_slice(bytes));
        if end.is_err() || reader.is_done() {
            break;
        }
    }
    let end = end.and_then(|()| reader.end());
    (reader.head().cloned(), content, end.map_err(|refused| discriminant(&refused)))
}

/// Answers as servers give them.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
    [
        ("length", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nall fine"),
        ("chunked", chunked),
        ("until-end", "HTTP/1.0 200 OK\nServer: old\n\nuntil the end"),
        ("redirect", "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"),
        ("interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\nno"),
        ("folded", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
        ("not-http", "SSH-2.0-OpenSSH_9.2p1\r\n"),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec()
}
