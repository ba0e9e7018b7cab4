//! PostgreSQL (its documentation's chapter "Frontend/Backend Protocol", version 3.0): log in, ask a query, see it answered.

use super::scram::Scram;
use super::talk::{Talk, quoted};
use super::{Asked, NativeError};
use crate::runtime::{Runtime, TcpStream};
use crate::server::checks::tls::{self, Inside, Wire};
use crate::server::checks::{ProbeSetting, dial};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use tokio::io::{AsyncRead, AsyncWrite};

/// Longest message taken, in bytes.
const LONGEST: usize = 256 * 1024;

/// Asks for TLS (the code of `SSLRequest`).
const TLS_WANTED: u32 = 80_877_103;

/// Version 3.0.
const VERSION: u32 = 3 << 16;

pub async fn ask<R: Runtime>(asked: &Asked<'_>, setting: &ProbeSetting) -> Result<String, NativeError> {
    let stream = dial::tcp::<R>(&asked.addr).await?;
    let mut talk = Talk::new(secured::<R, _>(stream, asked, setting).await?);
    let user = asked.param("user", "postgres");
    let mut startup = VERSION.to_be_bytes().to_vec();
    for (name, value) in [("user", user), ("database", asked.param("database", user)), ("application_name", "muster check")] {
        text(&mut startup, name)?;
        text(&mut startup, value)?;
    }
    startup.push(0);
    talk.say(&with_length(&startup)).await?;
    log_in::<R, _>(&mut talk, user, asked.param("password", "")).await?;
    let mut query = Vec::new();
    text(&mut query, asked.param("query", "SELECT 1"))?;
    talk.say(&message(b'Q', &query)).await?;
    let answer = answered(&mut talk).await?;
    // Without it the server logs a lost connection; the verdict stands whether it arrives or not.
    let _ = talk.say(&message(b'X', &[])).await;
    Ok(answer)
}

async fn secured<R: Runtime, S: TcpStream>(stream: S, asked: &Asked<'_>, setting: &ProbeSetting) -> Result<Wire<S>, NativeError> {
    let Some(tls) = asked.tls()? else { return Ok(Wire::Plain(stream)) };
    let mut talk = Talk::new(stream);
    talk.say(&with_length(&TLS_WANTED.to_be_bytes())).await?;
    match talk.bytes(1).await?[0] {
        b'S' => Ok(tls::secure::<R, _>(talk.into_stream()?, &asked.addr, &tls, Inside::Unnamed, &setting.tls).await?),
        b'N' => Err(NativeError::Refused("the server does not speak TLS".to_owned())),
        other => Err(NativeError::Unexpected("an answer to the wish for TLS", quoted(&[other]))),
    }
}

/// A text and its end. What holds the end itself would be read as two.
fn text(out: &mut Vec<u8>, text: &str) -> Result<(), NativeError> {
    if text.contains('\0') {
        return Err(NativeError::Parameter("a parameter", text.to_owned(), "without zero bytes"));
    }
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Ok(())
}

fn with_length(body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32 + 4).to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(with_length(body));
    out
}

/// The next message: its kind and its body. An error is one to us.
async fn next<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>) -> Result<(u8, Vec<u8>), NativeError> {
    let head = talk.bytes(5).await?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length < 4 || !head[0].is_ascii_alphanumeric() {
        return Err(NativeError::Unexpected("a message of PostgreSQL", quoted(&head)));
    }
    if length > LONGEST {
        return Err(NativeError::TooLong(LONGEST));
    }
    let body = talk.bytes(length - 4).await?;
    if head[0] == b'E' { Err(NativeError::Refused(complaint(&body))) } else { Ok((head[0], body)) }
}

/// `FATAL: password authentication failed (28P01)` of an `ErrorResponse`.
fn complaint(body: &[u8]) -> String {
    let fields: Vec<&[u8]> = body.split(|byte| *byte == 0).collect();
    let field = |code: u8| fields.iter().find_map(|field| field.strip_prefix(&[code])).map(String::from_utf8_lossy).unwrap_or_default();
    format!("{}: {} ({})", field(b'S'), field(b'M'), field(b'C'))
}

/// Answers what the server asks for until it is ready for a query.
async fn log_in<R: Runtime, S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>, user: &str, password: &str) -> Result<(), NativeError> {
    loop {
        let (kind, body) = next(talk).await?;
        match (kind, code_of(&body)) {
            (b'R', Some((0, _))) | (b'S' | b'K' | b'N', _) => {}
            (b'Z', _) => return Ok(()),
            (b'R', Some((3 | 5 | 10, _))) if password.is_empty() => return Err(NativeError::Lacking("a password")),
            (b'R', Some((3, _))) => say_password(talk, password).await?,
            (b'R', Some((5, salt))) => say_password(talk, &hashed(user, password, salt)).await?,
            (b'R', Some((10, mechanisms))) => scram::<R, _>(talk, password, mechanisms).await?,
            (b'R', Some((code, _))) => return Err(NativeError::Unspoken(format!("method {code}"))),
            (kind, _) => return Err(NativeError::Unexpected("an answer to the log-in", quoted(&[kind]))),
        }
    }
}

/// The number that a message begins with, and what follows it.
fn code_of(body: &[u8]) -> Option<(u32, &[u8])> {
    let (code, rest) = body.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*code), rest))
}

async fn say_password<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>, password: &str) -> Result<(), NativeError> {
    let mut body = Vec::new();
    text(&mut body, password)?;
    talk.say(&message(b'p', &body)).await
}

/// The answer to `AuthenticationMD5Password`.
fn hashed(user: &str, password: &str, salt: &[u8]) -> String {
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let inner = hex(&Md5::new().chain_update(password).chain_update(user).finalize());
    format!("md5{}", hex(&Md5::new().chain_update(inner).chain_update(salt).finalize()))
}

async fn scram<R: Runtime, S: AsyncRead + AsyncWrite + Unpin>(
    talk: &mut Talk<S>,
    password: &str,
    mechanisms: &[u8],
) -> Result<(), NativeError> {
    const OURS: &str = "SCRAM-SHA-256";
    if !mechanisms.split(|byte| *byte == 0).any(|mechanism| mechanism == OURS.as_bytes()) {
        return Err(NativeError::Unspoken(quoted(mechanisms)));
    }
    let nonce: Vec<u8> = (0..3).flat_map(|_| R::random().to_le_bytes()).collect();
    let ours = Scram::new(STANDARD.encode(nonce));
    let mut first = Vec::new();
    text(&mut first, OURS)?;
    first.extend((ours.first().len() as u32).to_be_bytes());
    first.extend(ours.first().bytes());
    talk.say(&message(b'p', &first)).await?;
    let proof = ours.prove(&challenge(talk, 11).await?, password)?;
    talk.say(&message(b'p', proof.message.as_bytes())).await?;
    if !proof.is_answered_by(&challenge(talk, 12).await?) {
        return Err(NativeError::Unexpected("a server that knows the password", "a wrong signature".to_owned()));
    }
    Ok(())
}

/// The next step of the server's in SCRAM.
async fn challenge<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>, wanted: u32) -> Result<String, NativeError> {
    match next(talk).await? {
        (b'R', body) if code_of(&body).is_some_and(|(code, _)| code == wanted) => Ok(String::from_utf8_lossy(&body[4..]).into_owned()),
        (kind, _) => Err(NativeError::Unexpected("a challenge", quoted(&[kind]))),
    }
}

/// The first value of the first row that a query makes, once all of the answer has come.
async fn answered<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>) -> Result<String, NativeError> {
    let (mut first, mut rows) = (None, 0u64);
    loop {
        match next(talk).await? {
            (b'D', body) => {
                rows += 1;
                first = first.or_else(|| Some(first_value(&body)));
            }
            (b'Z', _) => break,
            (b'T' | b'C' | b'I' | b'N' | b'S', _) => {}
            (kind, _) => return Err(NativeError::Unexpected("an answer to the query", quoted(&[kind]))),
        }
    }
    Ok(match first {
        Some(value) if rows == 1 => format!("the query answered {value}"),
        Some(value) => format!("the query answered {rows} rows, the first {value}"),
        None => "the query was answered without rows".to_owned(),
    })
}

fn first_value(row: &[u8]) -> String {
    let value = row.get(2..6).and_then(|length| {
        let length = usize::try_from(i32::from_be_bytes(length.try_into().ok()?)).ok()?;
        row.get(6..6 + length)
    });
    value.map_or_else(|| "NULL".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{complaint, first_value, hashed};

    #[test]
    fn a_complaint_has_severity_text_and_code() {
        let body = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0Fauth.c\0\0";
        assert_eq!(complaint(body), "FATAL: password authentication failed (28P01)");
    }

    #[test]
    fn the_old_hash_is_that_of_other_clients() {
        // psql's answer for this user, password and salt.
        assert_eq!(hashed("md5_user", "password", &[0x2a, 0x3d, 0x8f, 0xe0]), "md562af4dd09bbb41884907a838a3233294");
    }

    #[test]
    fn a_value_is_read_within_its_row() {
        assert_eq!(first_value(&[0, 1, 0, 0, 0, 1, b'7']), "7");
        for nonsense in [&[][..], &[0, 1], &[0, 1, 0xFF, 0xFF, 0xFF, 0xFF], &[0, 1, 0, 0, 0, 9, b'7']] {
            assert_eq!(first_value(nonsense), "NULL");
        }
    }
}
