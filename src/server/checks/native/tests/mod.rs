//! Native checks against servers that say what a test has written down: refusals, nonsense, silence, endless answers.

mod real;

use super::with_port;
use crate::health::Verdict;
use crate::model::{CheckStatus, NativeProbe, Probe, Protocol};
use crate::server::checks::tests::servers::{SERVER, acceptor, found};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A check of `addr` with these parameters.
pub fn probe(protocol: Protocol, addr: &str, params: &[(&str, &str)]) -> Probe {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Probe::Native(NativeProbe { protocol, addr: addr.to_owned(), params })
}

/// Hears before each answer but an empty first one, gives it, and hangs up behind the last.
async fn recite(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: Vec<Vec<u8>>) {
    for answer in answers {
        let mut heard = [0; 4096];
        if !stream.read(&mut heard).await.is_ok_and(|n| n > 0) || stream.write_all(&answer).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
    }
    // Closing a socket with something unread in it would be a reset.
    let _ = stream.shutdown().await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// What a check finds at a server that greets (or says nothing first) and gives these answers.
fn told(protocol: Protocol, params: &[(&str, &str)], greeting: &[u8], answers: &[&[u8]]) -> Verdict {
    let greeting = greeting.to_vec();
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    let serve = move |mut stream: tokio::net::TcpStream| {
        let (greeting, answers) = (greeting.clone(), answers.clone());
        async move {
            let _ = stream.write_all(&greeting).await;
            recite(stream, answers).await;
        }
    };
    found(serve, |at| probe(protocol, &at.to_string(), params), Duration::from_secs(10))
}

fn critical(output: &str) -> Verdict {
    Verdict { status: CheckStatus::Critical, output: output.to_owned() }
}

fn passing(output: &str) -> Verdict {
    Verdict { status: CheckStatus::Passing, output: output.to_owned() }
}

#[test]
fn an_address_without_a_port_has_the_protocols() {
    for (addr, full) in [("db", "db:5"), ("db:7", "db:7"), ("::1", "[::1]:5"), ("[::1]", "[::1]:5"), ("[::1]:7", "[::1]:7")] {
        assert_eq!(with_port(addr, 5), full);
    }
}

#[test]
fn redis_answers_or_says_why_not() {
    let redis = |params: &[(&str, &str)], answers: &[&[u8]]| told(Protocol::Redis, params, b"", answers);
    assert_eq!(redis(&[], &[b"+PONG\r\n"]), passing("redis SERVER: PONG"));
    let loading = redis(&[], &[b"-LOADING Redis is loading the dataset in memory\r\n"]);
    assert_eq!(loading, critical("redis SERVER: LOADING Redis is loading the dataset in memory"));
    let wrong = redis(&[("password", "x")], &[b"-WRONGPASS invalid username-password pair\r\n"]);
    assert_eq!(wrong, critical("redis SERVER: WRONGPASS invalid username-password pair"));
    let replica: &[u8] = b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:1\r\n";
    assert_eq!(redis(&[("role", "replica")], &[replica]), passing("redis SERVER: role slave"));
    assert_eq!(redis(&[("role", "master")], &[replica]), critical("redis SERVER: the server's role is slave, not master"));
    assert_eq!(
        redis(&[], &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
        critical("redis SERVER: expected +PONG, got \"HTTP/1.1 400 Bad Request\"")
    );
    assert_eq!(redis(&[], &[]), critical("redis SERVER: the server closed the connection"));
    assert_eq!(redis(&[], &[&[b'x'; 100_000]]), critical("redis SERVER: the answer is longer than 8192 bytes"));
}

#[test]
fn smtp_takes_a_sender_or_says_why_not() {
    let smtp = |params: &[(&str, &str)], greeting: &str, answers: &[&[u8]]| told(Protocol::Smtp, params, greeting.as_bytes(), answers);
    let fine: &[&[u8]] = &[b"250-mail.test\r\n250 SIZE 1000\r\n", b"250 OK\r\n", b"250 OK\r\n", b"221 Bye\r\n"];
    assert_eq!(smtp(&[], "220 mail.test ESMTP\r\n", fine), passing("smtp SERVER: 220 mail.test ESMTP"));
    assert_eq!(smtp(&[], "554 no service\r\n", &[]), critical("smtp SERVER: 554 no service"));
    let full = smtp(&[("from", "a@b.test")], "220-hello\r\n220 mail\r\n", &[b"250 mail\r\n", b"452 4.3.1 Insufficient system storage\r\n"]);
    assert_eq!(full, critical("smtp SERVER: 452 4.3.1 Insufficient system storage"));
    let smuggled = smtp(&[("from", "a>\r\nRCPT TO:<b")], "220 mail\r\n", &[]);
    assert_eq!(smuggled.status, CheckStatus::Critical);
    assert!(smuggled.output.ends_with("it must be one word"), "{}", smuggled.output);
    assert_eq!(smtp(&[], "+PONG\r\n", &[]), critical("smtp SERVER: expected a reply of SMTP, got \"+PONG\""));
    assert_eq!(smtp(&[], &"220-x\r\n".repeat(1000), &[]), critical("smtp SERVER: expected the end of a reply, got \"128 lines\""));
}

#[test]
fn postgres_refusals_are_its_own_words_and_nonsense_is_named() {
    let postgres = |params: &[(&str, &str)], answers: &[&[u8]]| told(Protocol::Postgres, params, b"", answers);
    let in_and_ready: &[u8] = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x08a\0b\0Z\0\0\0\x05I";
    let one_row: &[u8] = b"T\0\0\0\x04D\0\0\0\x0c\0\x01\0\0\0\x0242C\0\0\0\x05xZ\0\0\0\x05I";
    assert_eq!(postgres(&[], &[in_and_ready, one_row]), passing("postgres SERVER: the query answered 42"));
    let starting: &[u8] = b"E\0\0\0\x2fSFATAL\0C57P03\0Mthe database is starting up\0\0";
    assert_eq!(postgres(&[], &[starting]), critical("postgres SERVER: FATAL: the database is starting up (57P03)"));
    let asks = postgres(&[], &[b"R\0\0\0\x0c\0\0\0\x05abcd"]);
    assert_eq!(asks, critical("postgres SERVER: the server asks for a password, and the check has none"));
    let kerberos = postgres(&[("password", "x")], &[b"R\0\0\0\x08\0\0\0\x07"]);
    assert_eq!(kerberos, critical("postgres SERVER: the server asks for authentication by method 7, which this check does not speak"));
    assert_eq!(postgres(&[], &[b"SSH-2.0-OpenSSH\r\n"]).status, CheckStatus::Critical);
    assert_eq!(postgres(&[], &[b"R\xff\xff\xff\xff\0\0\0\0"]), critical("postgres SERVER: the answer is longer than 262144 bytes"));
    assert_eq!(postgres(&[("tls", "any")], &[b"N"]), critical("postgres SERVER: the server does not speak TLS"));
    let injected = postgres(&[("tls", "any")], &[b"S\0\0\0"]);
    assert!(injected.output.contains("expected nothing before TLS"), "{}", injected.output);
    let endless = [in_and_ready.to_vec(), b"N\0\0\0\x04".repeat(400_000)];
    let endless: Vec<&[u8]> = endless.iter().map(Vec::as_slice).collect();
    assert_eq!(postgres(&[], &endless), critical("postgres SERVER: the answer is longer than 1048576 bytes"));
}

/// A packet of MySQL's.
fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..3], &[number], body].concat()
}

fn mysql_greeting(method: &str) -> Vec<u8> {
    let fixed = b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0";
    packet(0, &[fixed, method.as_bytes(), &[0]].concat())
}

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

/// Columns, rows and ends of a result of one column, packets from 1 on.
fn result(rows: &[&str]) -> Vec<u8> {
    let mut bodies = vec![vec![1], b"a column".to_vec(), vec![0xFE, 0, 0, 2, 0]];
    bodies.extend(rows.iter().map(|row| [&[row.len() as u8], row.as_bytes()].concat()));
    bodies.push(vec![0xFE, 0, 0, 2, 0]);
    bodies.iter().zip(1..).flat_map(|(body, number)| packet(number, body)).collect()
}

#[test]
fn mysql_refusals_are_its_own_words_and_nonsense_is_named() {
    let mysql = |greeting: &[u8], answers: &[&[u8]]| told(Protocol::Mysql, &[("password", "x")], greeting, answers);
    let native = mysql_greeting("mysql_native_password");
    let served = mysql(&native, &[&packet(2, OK), &result(&["42"])]);
    assert_eq!(served, passing("mysql SERVER: the query answered 42"));
    assert_eq!(mysql(&native, &[&packet(2, OK), &result(&["1", "2"])]).output, "mysql SERVER: the query answered 2 rows, the first 1");
    let denied = mysql(&native, &[&packet(2, b"\xff\x15\x04#28000Access denied for user 'root'")]);
    assert_eq!(denied, critical("mysql SERVER: Access denied for user 'root' (1045)"));
    let full = mysql(&packet(0, b"\xff\x10\x04Too many connections"), &[]);
    assert_eq!(full, critical("mysql SERVER: Too many connections (1040)"));
    let unspoken = mysql(&native, &[&packet(2, b"\xfeclient_ed25519\0abcdefghijklmnopqrstuvwxyz012345")]);
    assert_eq!(unspoken, critical("mysql SERVER: the server asks for authentication by client_ed25519, which this check does not speak"));
    assert_eq!(mysql(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", &[]).status, CheckStatus::Critical);
    assert_eq!(mysql(&packet(0, b""), &[]), critical("mysql SERVER: expected a packet, got \"an empty one\""));
    let stuck = mysql(&native, &[&(0..20).flat_map(|number| packet(number, &[1, 3])).collect::<Vec<u8>>()]);
    assert_eq!(stuck, critical("mysql SERVER: expected a decision about the log-in, got \"8 questions\""));
}

#[test]
fn mysqls_newer_password_goes_in_full_only_through_tls() {
    let caching = mysql_greeting("caching_sha2_password");
    let remembered =
        told(Protocol::Mysql, &[("password", "x")], &caching, &[&[packet(2, &[1, 3]), packet(3, OK)].concat(), &result(&["1"])]);
    assert_eq!(remembered, passing("mysql SERVER: the query answered 1"));
    let unknown = told(Protocol::Mysql, &[("password", "x")], &caching, &[&packet(2, &[1, 4])]);
    assert!(unknown.output.contains("caching_sha2_password for the first time outside TLS"), "{}", unknown.output);
    let acceptor = acceptor(SERVER, &[]);
    let serve = move |mut stream: tokio::net::TcpStream| {
        let (acceptor, greeting) = (acceptor.clone(), caching.clone());
        async move {
            stream.write_all(&greeting).await.expect("greets");
            let mut wish = [0; 36];
            stream.read_exact(&mut wish).await.expect("a wish for TLS");
            let mut stream = acceptor.accept(stream).await.expect("agrees");
            let mut heard = [0; 4096];
            let n = stream.read(&mut heard).await.expect("a log-in");
            assert_eq!((heard[3], n > 36), (2, true), "the number goes on");
            stream.write_all(&packet(3, &[1, 4])).await.expect("asks for all");
            let n = stream.read(&mut heard).await.expect("a password");
            assert_eq!(&heard[..n], packet(4, b"secret\0"));
            stream.write_all(&packet(5, OK)).await.expect("lets in");
            recite(stream, vec![result(&["1"])]).await;
        }
    };
    let check = |at: std::net::SocketAddr| probe(Protocol::Mysql, &at.to_string(), &[("password", "secret"), ("tls", "verified")]);
    assert_eq!(found(serve, check, Duration::from_secs(10)), passing("mysql SERVER: the query answered 1"));
}

#[test]
fn silence_is_given_up_at_the_timeout_by_every_protocol() {
    for (protocol, name) in
        [(Protocol::Postgres, "postgres"), (Protocol::Redis, "redis"), (Protocol::Mysql, "mysql"), (Protocol::Smtp, "smtp")]
    {
        let silent = |stream| async move {
            std::future::pending::<()>().await;
            drop::<tokio::net::TcpStream>(stream);
        };
        let verdict = found(silent, |at| probe(protocol, &at.to_string(), &[]), Duration::from_millis(100));
        assert_eq!(verdict, critical(&format!("{name} SERVER: context deadline exceeded")));
    }
    let mute = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
    let at = mute.local_addr().expect("bound").to_string();
    let verdict = crate::server::checks::tests::on_tokio(&probe(Protocol::Dns, &at, &[]), Duration::from_millis(300), 4096);
    assert_eq!(verdict, critical(&format!("dns {at}: context deadline exceeded")));
    mute.set_nonblocking(true).expect("set");
    let asked = std::iter::from_fn(|| mute.recv(&mut [0; 512]).ok()).count();
    assert_eq!(asked, 3, "a lost question is asked again");
}
