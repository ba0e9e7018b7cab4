//! MySQL and MariaDB (MySQL's "Client/Server Protocol", handshake version 10): log in, ask a query, see it answered.

use super::talk::{Talk, quoted};
use super::{Asked, NativeError};
use crate::runtime::{Runtime, TcpStream};
use crate::server::checks::tls::{self, Inside, Wire};
use crate::server::checks::{ProbeSetting, dial};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use tokio::io::{AsyncRead, AsyncWrite};

const WITH_DATABASE: u32 = 0x8;
const PROTOCOL_41: u32 = 0x200;
const TLS: u32 = 0x800;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;

/// What we can in any case: long passwords, the protocol since 4.1, challenges, methods by name.
const OURS: u32 = 1 | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;

const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";
const CLEAR: &str = "mysql_clear_password";

/// Most packets of one answer: columns and rows.
const MOST_PACKETS: usize = 100_000;

/// What a server says first.
struct Greeting {
    capabilities: u32,
    method: String,
    challenge: Vec<u8>,
}

/// A conversation in numbered packets.
struct Packets<S> {
    talk: Talk<S>,
    number: u8,
}

/// Who logs in, and whether somebody else could listen.
struct Login<'a> {
    user: &'a str,
    password: &'a str,
    is_secret: bool,
}

pub async fn ask<R: Runtime>(asked: &Asked<'_>, setting: &ProbeSetting) -> Result<String, NativeError> {
    let mut packets = Packets { talk: Talk::new(dial::tcp::<R>(&asked.addr).await?), number: 0 };
    let greeting = greeting(&packets.next().await?)?;
    let login = Login { user: asked.param("user", "root"), password: asked.param("password", ""), is_secret: asked.tls()?.is_some() };
    let database = asked.param("database", "");
    let mut capabilities = OURS | if database.is_empty() { 0 } else { WITH_DATABASE };
    if login.is_secret {
        capabilities |= TLS;
    }
    let mut packets = secured::<R, _>(packets, asked, capabilities, &greeting, setting).await?;
    packets.say(&response(&login, database, capabilities, &greeting)?).await?;
    log_in(&mut packets, &login, greeting).await?;
    packets.number = 0;
    let query = [b"\x03", asked.param("query", "SELECT 1").as_bytes()].concat();
    packets.say(&query).await?;
    let answer = packets.answered().await?;
    packets.number = 0;
    // COM_QUIT, without which the server counts an aborted client.
    let _ = packets.say(&[1]).await;
    Ok(answer)
}

/// Goes on in TLS if that is asked for.
async fn secured<R: Runtime, S: TcpStream>(
    mut packets: Packets<S>,
    asked: &Asked<'_>,
    capabilities: u32,
    greeting: &Greeting,
    setting: &ProbeSetting,
) -> Result<Packets<Wire<S>>, NativeError> {
    let Some(tls) = asked.tls()? else {
        return Ok(Packets { talk: Talk::new(Wire::Plain(packets.talk.into_stream()?)), number: packets.number });
    };
    if greeting.capabilities & TLS == 0 {
        return Err(NativeError::Refused("the server does not speak TLS".to_owned()));
    }
    packets.say(&beginning(capabilities)).await?;
    let wire = tls::secure::<R, _>(packets.talk.into_stream()?, &asked.addr, &tls, Inside::Unnamed, &setting.tls).await?;
    Ok(Packets { talk: Talk::new(wire), number: packets.number })
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    async fn say(&mut self, body: &[u8]) -> Result<(), NativeError> {
        let mut out = (body.len() as u32).to_le_bytes();
        out[3] = self.number;
        self.number = self.number.wrapping_add(1);
        self.talk.say(&[&out, body].concat()).await
    }

    /// The next packet's body, never empty. An error is one to us.
    async fn next(&mut self) -> Result<Vec<u8>, NativeError> {
        let head = self.talk.bytes(4).await?;
        self.number = head[3].wrapping_add(1);
        let body = self.talk.bytes(u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize).await?;
        match body.first() {
            None => Err(NativeError::Unexpected("a packet", "an empty one".to_owned())),
            Some(0xFF) => Err(NativeError::Refused(complaint(&body))),
            Some(_) => Ok(body),
        }
    }

    /// What the query answered, once all of it has come.
    async fn answered(&mut self) -> Result<String, NativeError> {
        let first = self.next().await?;
        let columns = match first[0] {
            0 => return Ok("the query was answered without rows".to_owned()),
            columns @ 1..=0xFA => columns,
            0xFB.. => return Err(NativeError::Unexpected("an answer to the query", quoted(&first))),
        };
        for _ in 0..columns {
            self.next().await?;
        }
        let (mut value, mut ends) = (None, 0);
        for packet in 0..MOST_PACKETS {
            let body = self.next().await?;
            if body[0] == 0xFE && body.len() < 9 {
                ends += 1;
                // One end follows the columns, one the rows.
                if ends == 2 {
                    let rows = packet - 1;
                    return Ok(match value {
                        Some(value) if rows == 1 => format!("the query answered {value}"),
                        Some(value) => format!("the query answered {rows} rows, the first {value}"),
                        None => "the query answered no rows".to_owned(),
                    });
                }
                continue;
            }
            value = value.or_else(|| Some(first_value(&body)));
        }
        Err(NativeError::Unexpected("an end of the answer", format!("{MOST_PACKETS} packets")))
    }
}

/// The text of an error packet: `Access denied for user 'x'@'y' (1045)`.
fn complaint(body: &[u8]) -> String {
    let code = body.get(1..3).map_or(0, |code| u16::from_le_bytes([code[0], code[1]]));
    let rest = body.get(3..).unwrap_or_default();
    let said = if rest.first() == Some(&b'#') { rest.get(6..).unwrap_or_default() } else { rest };
    format!("{} ({code})", String::from_utf8_lossy(said))
}

fn greeting(body: &[u8]) -> Result<Greeting, NativeError> {
    let refused = || NativeError::Unexpected("a greeting of MySQL", quoted(body));
    let rest = body.strip_prefix(&[10]).ok_or_else(refused)?;
    let version = rest.iter().position(|byte| *byte == 0).ok_or_else(refused)?;
    // Behind the version: thread id 4, challenge 8, filler 1, capabilities 2, character set 1, status 2, capabilities 2, length 1, reserved 10.
    let (fixed, rest) = rest[version + 1..].split_at_checked(31).ok_or_else(refused)?;
    let capabilities = u32::from_le_bytes([fixed[13], fixed[14], fixed[18], fixed[19]]);
    if capabilities & SECURE_CONNECTION == 0 {
        return Err(NativeError::Unspoken("a password of MySQL before 4.1".to_owned()));
    }
    let (challenge, method) = rest.split_at(rest.len().min(usize::from(fixed[20]).saturating_sub(8).max(13)));
    let challenge = [&fixed[4..12], challenge.strip_suffix(&[0]).unwrap_or(challenge)].concat();
    let method = method.split(|byte| *byte == 0).next().filter(|method| !method.is_empty()).unwrap_or(NATIVE.as_bytes());
    Ok(Greeting { capabilities, method: String::from_utf8_lossy(method).into_owned(), challenge })
}

/// What both our request for TLS and our response begin with: capabilities, longest packet, utf8mb4, zeros.
fn beginning(capabilities: u32) -> Vec<u8> {
    let mut out = capabilities.to_le_bytes().to_vec();
    out.extend((1u32 << 24).to_le_bytes());
    out.push(45);
    out.resize(32, 0);
    out
}

fn response(login: &Login<'_>, database: &str, capabilities: u32, greeting: &Greeting) -> Result<Vec<u8>, NativeError> {
    for (name, value) in [("user", login.user), ("database", database), ("password", login.password)] {
        if value.contains('\0') {
            return Err(NativeError::Parameter(name, value.to_owned(), "without zero bytes"));
        }
    }
    // A method that is not ours: the server will name another, or be told then.
    let method = if greeting.method == CACHING { CACHING } else { NATIVE };
    let proof = proof(method, login, &greeting.challenge)?;
    let mut out = beginning(capabilities);
    out.extend([login.user.as_bytes(), &[0], &[proof.len() as u8], &proof].concat());
    if !database.is_empty() {
        out.extend([database.as_bytes(), &[0]].concat());
    }
    out.extend([method.as_bytes(), &[0]].concat());
    Ok(out)
}

/// What shows that we know the password. An empty one shows nothing.
fn proof(method: &str, login: &Login<'_>, challenge: &[u8]) -> Result<Vec<u8>, NativeError> {
    let password = login.password.as_bytes();
    match method {
        NATIVE | CACHING if password.is_empty() => Ok(Vec::new()),
        NATIVE => {
            let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
            let once = sha1(password);
            let twice = sha1(once.as_ref());
            Ok(masked(once.as_ref(), sha1(&[challenge, twice.as_ref()].concat()).as_ref()))
        }
        CACHING => {
            let sha256 = |bytes: &[u8]| digest(&SHA256, bytes);
            let once = sha256(password);
            let twice = sha256(once.as_ref());
            Ok(masked(once.as_ref(), sha256(&[twice.as_ref(), challenge].concat()).as_ref()))
        }
        CLEAR if login.is_secret => Ok([password, &[0]].concat()),
        CLEAR => Err(NativeError::Unspoken(format!("{CLEAR} outside TLS (set tls to \"verified\" or \"any\")"))),
        other => Err(NativeError::Unspoken(other.to_owned())),
    }
}

fn masked(secret: &[u8], mask: &[u8]) -> Vec<u8> {
    secret.iter().zip(mask).map(|(secret, mask)| secret ^ mask).collect()
}

/// Answers what the server asks for until it has let us in.
async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    packets: &mut Packets<S>,
    login: &Login<'_>,
    greeting: Greeting,
) -> Result<(), NativeError> {
    /// Steps of the server's before it must have decided.
    const MOST_STEPS: usize = 8;
    for _ in 0..MOST_STEPS {
        let body = packets.next().await?;
        match (body[0], &body[1..]) {
            (0, _) => return Ok(()),
            // The password is remembered by the server: it will say that we are in.
            (1, [3, ..]) => {}
            (1, [4, ..]) if login.is_secret => packets.say(&[login.password.as_bytes(), &[0]].concat()).await?,
            (1, [4, ..]) => {
                return Err(NativeError::Unspoken(format!(
                    "{CACHING} for the first time outside TLS (set tls to \"verified\" or \"any\")"
                )));
            }
            (0xFE, rest) => {
                let (method, challenge) = rest.split_at(rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len()));
                let challenge = challenge.get(1..).unwrap_or_default();
                let challenge = if challenge.is_empty() { &greeting.challenge } else { challenge };
                let method = String::from_utf8_lossy(method).into_owned();
                packets.say(&proof(&method, login, challenge.strip_suffix(&[0]).unwrap_or(challenge))?).await?;
            }
            (_, _) => return Err(NativeError::Unexpected("an answer to the log-in", quoted(&body))),
        }
    }
    Err(NativeError::Unexpected("a decision about the log-in", format!("{MOST_STEPS} questions")))
}

/// The first value of a row, as text.
fn first_value(row: &[u8]) -> String {
    let (length, from) = match row {
        [length @ 0..=0xFA, ..] => (usize::from(*length), 1),
        [0xFC, low, high, ..] => (usize::from(u16::from_le_bytes([*low, *high])), 3),
        [0xFD, a, b, c, ..] => (u32::from_le_bytes([*a, *b, *c, 0]) as usize, 4),
        [_, ..] | [] => return "NULL".to_owned(),
    };
    row.get(from..from + length).map_or_else(|| "NULL".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{complaint, first_value, greeting};

    #[test]
    fn a_greeting_that_is_cut_is_refused_and_never_more() {
        let mut whole =
            b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0"
                .to_vec();
        let read = greeting(&whole).expect("a greeting");
        assert_eq!((read.method.as_str(), read.challenge.as_slice()), ("caching_sha2_password", &b"abcdefghijklmnopqrst"[..]));
        while whole.pop().is_some() {
            let _ = greeting(&whole);
        }
        assert!(greeting(b"SSH-2.0-OpenSSH").is_err());
    }

    #[test]
    fn a_complaint_has_text_and_code() {
        assert_eq!(complaint(b"\xff\x15\x04#28000Access denied"), "Access denied (1045)");
        assert_eq!(complaint(b"\xff\x10\x04Too many connections"), "Too many connections (1040)");
        assert_eq!(complaint(b"\xff"), " (0)");
    }

    #[test]
    fn a_value_is_read_within_its_row() {
        assert_eq!(first_value(b"\x011"), "1");
        assert_eq!(first_value(b"\xfc\x02\x00ab"), "ab");
        for nonsense in [&b""[..], b"\xfb", b"\x09a", b"\xfc\xff\xffa", b"\xff"] {
            assert_eq!(first_value(nonsense), "NULL");
        }
    }
}
