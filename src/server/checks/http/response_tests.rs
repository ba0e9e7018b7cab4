use super::{Body, LONGEST_HEAD, Reader, ResponseError};
use proptest::prelude::*;

/// Status, body and how it ended, of an answer that came in pieces.
fn read(pieces: &[&[u8]], body: Body) -> (Option<u16>, Vec<u8>, Result<(), ResponseError>) {
    let (mut reader, mut content) = (Reader::new(body), Vec::new());
    let mut end = Ok(());
    for piece in pieces {
        end = end.and_then(|()| reader.take(piece, &mut |bytes| content.extend_from_slice(bytes)));
    }
    end = end.and_then(|()| reader.end());
    (reader.head().map(|head| head.status), content, end)
}

fn whole(text: &str) -> (Option<u16>, String, Result<(), ResponseError>) {
    let (status, body, end) = read(&[text.as_bytes()], Body::Allowed);
    (status, String::from_utf8(body).expect("text"), end)
}

#[test]
fn a_body_ends_where_its_head_says() {
    for (text, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more", "hello"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
        ("HTTP/1.0 200 OK\n\nuntil the end", "until the end"),
        ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n", "hello world"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok"),
    ] {
        assert_eq!(whole(text).1, body, "{text}");
        assert_eq!(whole(text).2, Ok(()), "{text}");
    }
    assert_eq!(read(&[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], Body::None), (Some(200), vec![], Ok(())));
}

#[test]
fn status_and_reason_are_kept_as_they_are() {
    let line = |text: &str| {
        let mut reader = Reader::new(Body::Allowed);
        reader.take(text.as_bytes(), &mut |_| {}).expect("an answer");
        reader.head().expect("a head").status_line.clone()
    };
    assert_eq!(line("HTTP/1.1 429 Slow down\r\n\r\n"), "429 Slow down");
    assert_eq!(line("HTTP/1.1 200\r\n\r\n"), "200");
    assert_eq!(line("HTTP/1.1  200  OK\r\n\r\n"), "200  OK");
}

#[test]
fn what_is_no_answer_is_refused_in_gos_words() {
    for (text, said) in [
        ("SSH-2.0-OpenSSH\r\n", "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"SSH-2.0-OpenSSH\""),
        ("HTTP/1.1 2000 OK\r\n\r\n", "net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"2000\""),
        ("HTTP/1.1\r\n\r\n", "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"HTTP/1.1\""),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "net/http: HTTP/1.x transport connection broken: malformed MIME header line: no colon"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "net/http: HTTP/1.x transport connection broken: bad Content-Length \"-1\""),
        ("", "EOF"),
        ("HTTP/1.1 200 OK\r\n", "unexpected EOF"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "unexpected EOF"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "unexpected EOF"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed chunked encoding"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", "malformed chunked encoding"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", "malformed chunked encoding"),
    ] {
        assert_eq!(whole(text).2.map_err(|refused| refused.to_string()), Err(said.to_owned()), "{text}");
    }
    assert!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok").2.is_err());
}

#[test]
fn what_never_ends_is_refused_at_its_bound() {
    let endless = ["HTTP/1.1 200 OK\r\n", &"x: y\r\n".repeat(LONGEST_HEAD)].concat();
    assert_eq!(whole(&endless).2, Err(ResponseError::HeadTooLong));
    let trailers = ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", &"x: y\r\n".repeat(10_000)].concat();
    assert_eq!(whole(&trailers).2, Err(ResponseError::Chunk));
    let extension = ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", &";x".repeat(10_000)].concat();
    assert_eq!(whole(&extension).2, Err(ResponseError::Chunk));
}

proptest! {
    #[test]
    fn an_answer_reads_the_same_however_it_is_cut(
        body in prop::collection::vec(any::<u8>(), 0..60),
        chunk in 1usize..20,
        cuts in prop::collection::vec(1usize..30, 0..40),
        is_chunked: bool,
    ) {
        let mut sent = b"HTTP/1.1 200 OK\r\nX: y\r\n".to_vec();
        if is_chunked {
            sent.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(chunk) {
                sent.extend(format!("{:x}\r\n", piece.len()).bytes());
                sent.extend(piece);
                sent.extend(b"\r\n");
            }
            sent.extend(b"0\r\n\r\n");
        } else {
            sent.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            sent.extend(&body);
        }
        let mut pieces = Vec::new();
        let mut rest = &sent[..];
        for cut in cuts {
            let (piece, left) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        pieces.push(rest);
        prop_assert_eq!(read(&pieces, Body::Allowed), (Some(200), body, Ok(())));
    }
}
