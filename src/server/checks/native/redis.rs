//! Redis and what speaks its protocol (RESP 2): `PING` is answered, or the server has the role that is asked for.

use super::talk::Talk;
use super::{Asked, NativeError};
use crate::runtime::Runtime;
use crate::server::checks::dial;
use tokio::io::{AsyncRead, AsyncWrite};

pub async fn ask<R: Runtime>(asked: &Asked<'_>) -> Result<String, NativeError> {
    let mut talk = Talk::new(dial::tcp::<R>(&asked.addr).await?);
    let (user, password) = (asked.param("user", ""), asked.param("password", ""));
    if !password.is_empty() {
        let auth: &[&str] = if user.is_empty() { &["AUTH", password] } else { &["AUTH", user, password] };
        talk.say(&command(auth)).await?;
        expect(&mut talk, "+OK").await?;
    }
    let wanted = asked.param("role", "");
    if wanted.is_empty() {
        talk.say(&command(&["PING"])).await?;
        return expect(&mut talk, "+PONG").await.map(|()| "PONG".to_owned());
    }
    talk.say(&command(&["ROLE"])).await?;
    let role = role(&mut talk).await?;
    // Replicas are still called by their old name on the wire.
    let is_wanted = role == wanted || (role == "slave" && wanted == "replica");
    if is_wanted { Ok(format!("role {role}")) } else { Err(NativeError::NotAsAsked(format!("the server's role is {role}, not {wanted}"))) }
}

/// A command as an array of strings: nothing in them is read as anything else.
fn command(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    for word in words {
        out.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    out.into_bytes()
}

/// The next line, which an error is not.
async fn line<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>) -> Result<String, NativeError> {
    let line = talk.line().await?;
    match line.strip_prefix('-') {
        Some(said) => Err(NativeError::Refused(said.to_owned())),
        None => Ok(line),
    }
}

async fn expect<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>, wanted: &'static str) -> Result<(), NativeError> {
    let came = line(talk).await?;
    if came == wanted { Ok(()) } else { Err(NativeError::Unexpected(wanted, came)) }
}

/// The first string of the array that `ROLE` answers.
async fn role<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>) -> Result<String, NativeError> {
    let array = line(talk).await?;
    let string = if array.starts_with('*') { line(talk).await? } else { array };
    if !string.starts_with('$') {
        return Err(NativeError::Unexpected("a role", string));
    }
    line(talk).await
}
