//! A small DNS client (RFC 1035, EDNS of RFC 6891) that shows a reply as the corpus writes it. Its own codec on purpose: a fault of the
//! library the agent uses would not show if the tests read replies with the same one.

use super::Failure;
use rand::RngExt;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream, UdpSocket};
use std::time::Duration;

const TYPES: [(&str, u16); 11] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("OPT", OPT),
    ("ANY", 255),
];
const OPT: u16 = 41;
const RCODES: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

/// Asks the question of a `dns` step and decodes the reply. `silence` bounds each of three attempts by UDP.
pub fn ask(address: &str, question: &Map<String, Value>, silence: Duration) -> Result<Value, Failure> {
    let id = rand::rng().random::<u16>();
    let message = encode_question(id, question)?;
    let over_tcp = question.get("tcp").and_then(Value::as_bool).unwrap_or(false);
    let reply = if over_tcp { exchange_tcp(address, &message, silence) } else { exchange_udp(address, &message, silence) };
    let reply = reply.map_err(|e| Failure::new(format!("no DNS reply: {e}")))?;
    let shown = decode(&reply)?;
    match shown["id"].as_u64() {
        Some(seen) if seen == u64::from(id) => Ok(shown),
        Some(_) | None => Err(Failure::new("DNS reply has another id")),
    }
}

fn exchange_udp(address: &str, message: &[u8], silence: Duration) -> std::io::Result<Vec<u8>> {
    let local = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let mut last = std::io::ErrorKind::TimedOut.into();
    for _ in 0..3 {
        let socket = UdpSocket::bind(local)?;
        socket.set_read_timeout(Some(silence))?;
        socket.connect(address)?;
        socket.send(message)?;
        let mut buffer = vec![0; 65_535];
        match socket.recv(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => last = e,
            Err(e) => return Err(e),
        }
    }
    Err(last)
}

fn exchange_tcp(address: &str, message: &[u8], silence: Duration) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(silence))?;
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}

fn encode_question(id: u16, question: &Map<String, Value>) -> Result<Vec<u8>, Failure> {
    let text = |key: &str| question.get(key).and_then(Value::as_str);
    let number = |key: &str| question.get(key).and_then(Value::as_u64).unwrap_or(0) as u16;
    let recursion = question.get("rd").and_then(Value::as_bool).unwrap_or(true);
    let flags = number("opcode") << 11 | if recursion { 0x100 } else { 0 };
    let edns = question.get("edns").and_then(Value::as_u64);
    let mut out = Vec::new();
    for word in [id, flags, 1, 0, 0, u16::from(edns.is_some())] {
        out.extend(word.to_be_bytes());
    }
    encode_name(&mut out, text("name").unwrap_or_default());
    let wanted = text("type").unwrap_or("A");
    let code = TYPES.iter().find(|(name, _)| *name == wanted).ok_or_else(|| Failure::new(format!("no record type {wanted:?}")))?;
    out.extend(code.1.to_be_bytes());
    out.extend(1u16.to_be_bytes());
    if let Some(size) = edns {
        let options = question.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        encode_edns(&mut out, size as u16, options)?;
    }
    Ok(out)
}

fn encode_edns(out: &mut Vec<u8>, size: u16, options: &[Value]) -> Result<(), Failure> {
    let mut body = Vec::new();
    for option in options {
        let parsed =
            option.as_str().and_then(|o| o.split_once(':')).and_then(|(code, hex)| Some((code.parse::<u16>().ok()?, bytes_of(hex)?)));
        let (code, content) = parsed.ok_or_else(|| Failure::new(format!("EDNS option {option}: expected CODE:HEX")))?;
        body.extend(code.to_be_bytes());
        body.extend((content.len() as u16).to_be_bytes());
        body.extend(content);
    }
    out.push(0);
    out.extend(OPT.to_be_bytes());
    out.extend(size.to_be_bytes());
    out.extend([0; 4]);
    out.extend((body.len() as u16).to_be_bytes());
    out.extend(body);
    Ok(())
}

/// Appends a name in the wire's form.
pub fn encode_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
}

/// Reads bytes of a message; every read past its end is a failure.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let end = self.at + count;
        let bytes = self.message.get(self.at..end).ok_or_else(|| Failure::new(format!("DNS message ends before byte {end}")))?;
        self.at = end;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, Failure> {
        self.take(1).map(|b| b[0])
    }

    fn u16(&mut self) -> Result<u16, Failure> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    fn u32(&mut self) -> Result<u32, Failure> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// A name with its final dot, compression followed (RFC 1035 section 4.1.4).
    fn name(&mut self) -> Result<String, Failure> {
        let (mut name, mut after, mut hops) = (String::new(), None, 0);
        loop {
            let length = self.u8()?;
            if length >= 0xC0 {
                let target = usize::from(length & 0x3F) << 8 | usize::from(self.u8()?);
                after.get_or_insert(self.at);
                (self.at, hops) = (target, hops + 1);
                if hops > 64 {
                    return Err(Failure::new("DNS compression loop"));
                }
                continue;
            }
            if length == 0 {
                break;
            }
            name.extend(self.take(usize::from(length))?.iter().map(|b| char::from(*b)));
            name.push('.');
        }
        self.at = after.unwrap_or(self.at);
        Ok(if name.is_empty() { ".".to_owned() } else { name })
    }
}

/// The name of the first question of a message, and where that question ends.
pub fn first_question(message: &[u8]) -> Result<(String, usize), Failure> {
    let mut reader = Reader { message, at: 12 };
    let name = reader.name()?;
    reader.take(4)?;
    Ok((name, reader.at))
}

/// A message as the corpus shows it.
pub fn decode(message: &[u8]) -> Result<Value, Failure> {
    let mut reader = Reader { message, at: 0 };
    let (id, flags, questions) = (reader.u16()?, reader.u16()?, reader.u16()?);
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?];
    let rcode = usize::from(flags & 15);
    let mut out = json!({
        "id": id, "qr": flags & 0x8000 != 0, "opcode": flags >> 11 & 15, "aa": flags & 0x400 != 0, "tc": flags & 0x200 != 0,
        "rd": flags & 0x100 != 0, "ra": flags & 0x80 != 0, "size": message.len(), "edns": null,
        "rcode": RCODES.get(rcode).map_or_else(|| json!(rcode), |name| json!(name)),
    });
    let mut asked = Vec::new();
    for _ in 0..questions {
        let name = reader.name()?;
        asked.push(format!("{name} {}", type_name(reader.u16()?)));
        reader.u16()?;
    }
    out["question"] = json!(asked);
    for (section, count) in ["answer", "authority", "additional"].into_iter().zip(counts) {
        let mut records = Vec::new();
        for _ in 0..count {
            match read_record(&mut reader)? {
                Record::Shown(text) => records.push(text),
                Record::Edns(edns) => out["edns"] = edns,
            }
        }
        out[section] = json!(records);
    }
    Ok(out)
}

enum Record {
    Shown(String),
    Edns(Value),
}

fn read_record(reader: &mut Reader<'_>) -> Result<Record, Failure> {
    let name = reader.name()?;
    let (code, class, ttl, length) = (reader.u16()?, reader.u16()?, reader.u32()?, usize::from(reader.u16()?));
    let start = reader.at;
    let raw = reader.take(length)?;
    let mut inner = Reader { message: &reader.message[..start + length], at: start };
    if code == OPT {
        return read_edns(&mut inner, class).map(Record::Edns);
    }
    let shown = match (type_name(code).as_str(), raw) {
        ("A", &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).to_string(),
        ("AAAA", raw) if raw.len() == 16 => Ipv6Addr::from(<[u8; 16]>::try_from(raw).expect("16 bytes")).to_string(),
        ("NS" | "CNAME" | "PTR", _) => inner.name()?,
        ("SRV", _) => format!("{} {} {} {}", inner.u16()?, inner.u16()?, inner.u16()?, inner.name()?),
        ("SOA", _) => {
            let names = [inner.name()?, inner.name()?].join(" ");
            let numbers = [inner.u32()?, inner.u32()?, inner.u32()?, inner.u32()?, inner.u32()?];
            format!("{names} {}", numbers.map(|n| n.to_string()).join(" "))
        }
        ("TXT", _) => read_texts(&mut inner)?,
        (_, raw) => hex_of(raw),
    };
    Ok(Record::Shown(format!("{name} {ttl} {} {shown}", type_name(code))))
}

fn read_edns(reader: &mut Reader<'_>, size: u16) -> Result<Value, Failure> {
    let mut options = Vec::new();
    while reader.at < reader.message.len() {
        let (code, length) = (reader.u16()?, reader.u16()?);
        options.push(format!("{code}:{}", hex_of(reader.take(usize::from(length))?)));
    }
    Ok(json!({"size": size, "options": options}))
}

fn read_texts(reader: &mut Reader<'_>) -> Result<String, Failure> {
    let mut parts = Vec::new();
    while reader.at < reader.message.len() {
        let length = usize::from(reader.u8()?);
        parts.push(format!("\"{}\"", reader.take(length)?.iter().map(|b| char::from(*b)).collect::<String>()));
    }
    Ok(parts.join(" "))
}

fn type_name(code: u16) -> String {
    TYPES.iter().find(|(_, c)| *c == code).map_or_else(|| format!("TYPE{code}"), |(name, _)| (*name).to_owned())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
