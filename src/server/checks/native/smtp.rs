//! SMTP (RFC 5321): the server greets, and takes a sender. Nothing is sent to anybody.

use super::talk::Talk;
use super::{Asked, NativeError};
use crate::runtime::Runtime;
use crate::server::checks::dial;
use tokio::io::{AsyncRead, AsyncWrite};

/// Most lines of one reply.
const MOST_LINES: usize = 128;

pub async fn ask<R: Runtime>(asked: &Asked<'_>) -> Result<String, NativeError> {
    let (helo, from) = (one_word(asked, "helo", "localhost")?, one_word(asked, "from", "")?);
    let mut talk = Talk::new(dial::tcp::<R>(&asked.addr).await?);
    let greeting = expect(&mut talk, "220").await?;
    talk.say(format!("EHLO {helo}\r\n").as_bytes()).await?;
    expect(&mut talk, "250").await?;
    talk.say(format!("MAIL FROM:<{from}>\r\n").as_bytes()).await?;
    expect(&mut talk, "250").await?;
    talk.say(b"RSET\r\n").await?;
    expect(&mut talk, "250").await?;
    // The verdict stands: whether the server says goodbye is its own affair.
    let _ = talk.say(b"QUIT\r\n").await;
    let _ = talk.line().await;
    Ok(greeting)
}

/// A parameter that makes no second command of its line.
fn one_word<'a>(asked: &Asked<'a>, name: &'static str, otherwise: &'a str) -> Result<&'a str, NativeError> {
    let word = asked.param(name, otherwise);
    if word.contains(|c: char| c.is_whitespace() || c.is_control() || "<>".contains(c)) {
        return Err(NativeError::Parameter(name, word.to_owned(), "one word"));
    }
    Ok(word)
}

/// The last line of a reply, whose code must be the one that is wanted.
async fn expect<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>, wanted: &'static str) -> Result<String, NativeError> {
    for _ in 0..MOST_LINES {
        let line = talk.line().await?;
        let is_reply = line.len() >= 3 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit);
        if !is_reply {
            return Err(NativeError::Unexpected("a reply of SMTP", line.chars().take(64).collect()));
        }
        if line.as_bytes().get(3) == Some(&b'-') {
            continue;
        }
        return if line.starts_with(wanted) { Ok(line) } else { Err(NativeError::Refused(line)) };
    }
    Err(NativeError::Unexpected("the end of a reply", format!("{MOST_LINES} lines")))
}
