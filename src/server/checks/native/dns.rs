//! DNS (RFC 1035) over UDP: a name has an answer of a type.

use super::{Asked, NativeError};
use crate::runtime::{Runtime, UdpSocket, timeout};
use crate::server::checks::dial;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How often a question is sent: datagrams get lost.
const TRIES: u32 = 3;

/// Longest datagram taken, in bytes. We offer no more than 512, so more comes only from who does not listen.
const LONGEST: usize = 4096;

/// Types by name (IANA's registry of resource record types).
const TYPES: [(&str, u16); 14] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DS", 43),
    ("DNSKEY", 48),
    ("HTTPS", 65),
    ("CAA", 257),
];

/// Asks for `name` and `type`; without them, for the root's name servers, which every resolver knows.
pub async fn ask<R: Runtime>(asked: &Asked<'_>, patience: Duration) -> Result<String, NativeError> {
    let (name, kind) = match asked.param("name", "") {
        "" => (".", asked.param("type", "NS")),
        name => (name, asked.param("type", "A")),
    };
    let question = question(name, kind)?;
    let to = dial::addresses::<R>("udp", &asked.addr).await?[0];
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = R::udp_bind(SocketAddr::new(any, 0)).await?;
    socket.connect(to).await?;
    let mut buf = vec![0; LONGEST];
    loop {
        let id = R::random() as u16;
        socket.send_to(&query(id, &question), to).await?;
        let hearing = hear(&socket, id, &question, &mut buf);
        // The last try ends with the check.
        if let Ok(heard) = timeout::<R, _>(patience / TRIES, hearing).await {
            return judged(name, kind, heard?);
        }
    }
}

/// What an answer says: its code, and how many records it has.
struct Answer {
    code: u8,
    records: u16,
}

/// Name, type and class of what is asked.
fn question(name: &str, kind: &str) -> Result<Vec<u8>, NativeError> {
    let known = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind)).map(|(_, number)| *number);
    let number = known.ok_or_else(|| NativeError::Parameter("type", kind.to_owned(), "a type of record, as A or AAAA"))?;
    let mut out = Vec::with_capacity(name.len() + 6);
    let refused = || NativeError::Parameter("name", name.to_owned(), "a domain name");
    for label in name.trim_end_matches('.').split('.').filter(|_| name != ".") {
        if label.is_empty() || label.len() > 63 {
            return Err(refused());
        }
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    if out.len() > 255 {
        return Err(refused());
    }
    out.extend(number.to_be_bytes());
    out.extend(1u16.to_be_bytes());
    Ok(out)
}

/// A query for one question, recursion desired.
fn query(id: u16, question: &[u8]) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(question);
    out
}

/// The answer to this query. Anything else that comes is not for us.
async fn hear(socket: &impl UdpSocket, id: u16, question: &[u8], buf: &mut [u8]) -> Result<Answer, NativeError> {
    loop {
        let (n, _) = socket.recv_from(buf).await?;
        if let Some(answer) = read(&buf[..n], id, question) {
            return Ok(answer);
        }
    }
}

fn read(message: &[u8], id: u16, question: &[u8]) -> Option<Answer> {
    let (head, rest) = message.split_at_checked(12)?;
    let is_ours = head[..2] == id.to_be_bytes() && head[2] & 0x80 != 0;
    // A server that could not read the question repeats none.
    let repeats = rest.get(..question.len()).is_some_and(|asked| asked.eq_ignore_ascii_case(question));
    let code = head[3] & 0x0F;
    (is_ours && (repeats || (code != 0 && head[4..6] == [0, 0]))).then(|| Answer { code, records: u16::from_be_bytes([head[6], head[7]]) })
}

fn judged(name: &str, kind: &str, answer: Answer) -> Result<String, NativeError> {
    const CODES: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    match answer {
        Answer { code: 0, records: 0 } => Err(NativeError::NotAsAsked(format!("{name} has no {kind} record"))),
        Answer { code: 0, records } => Ok(format!("{name} {kind}: {records} records")),
        Answer { code, .. } => {
            let code = CODES.get(usize::from(code)).map_or_else(|| format!("code {code}"), |code| (*code).to_owned());
            Err(NativeError::Refused(format!("{name} {kind}: {code}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{query, question, read};

    #[test]
    fn a_question_is_a_name_of_labels_with_type_and_class() {
        assert_eq!(question("web.test", "aaaa").expect("a question"), b"\x03web\x04test\0\0\x1c\0\x01");
        assert_eq!(question("web.test.", "A").expect("a question"), b"\x03web\x04test\0\0\x01\0\x01");
        assert_eq!(question(".", "NS").expect("a question"), b"\0\0\x02\0\x01");
        for (name, kind) in [("a..b", "A"), ("web", "B"), (&"x".repeat(64), "A"), (&"x.".repeat(200), "A"), ("", "A")] {
            assert!(question(name, kind).is_err(), "{name} {kind}");
        }
    }

    #[test]
    fn only_an_answer_to_the_question_is_one() {
        let asked = question("web.test", "A").expect("a question");
        let mut answer = query(7, &asked);
        assert!(read(&answer, 7, &asked).is_none(), "a query is no answer");
        answer[2] |= 0x80;
        answer[7] = 2;
        assert_eq!(read(&answer, 7, &asked).map(|answer| (answer.code, answer.records)), Some((0, 2)));
        assert!(read(&answer, 8, &asked).is_none());
        assert!(read(&answer, 7, &question("other.test", "A").expect("a question")).is_none());
        for end in 0..answer.len() {
            assert!(read(&answer[..end], 7, &asked).is_none());
        }
    }
}
