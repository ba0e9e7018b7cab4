//! The request line of `/v1/kv/` from anyone: path cleaned, unescaped and judged, parameters read, the operation made of them.

use muster::api::params::Params;
use muster::api::read::{ReadMode, ReadOptions};
use muster::api::{ApiError, kv, path};

/// Reads `input` as `METHOD TARGET`, as the server does.
pub fn run(input: &[u8]) {
    let (method, target) = split(input, b' ');
    let (raw_path, query) = split(target, b'?');
    let clean = path::cleaned(raw_path).unwrap_or_else(|| raw_path.to_vec());
    assert_eq!(path::cleaned(&clean), None, "a cleaned path is clean");
    assert!(clean.first() == Some(&b'/'), "a cleaned path is rooted");
    let Some(unescaped) = path::unescape(&clean) else { return };
    assert!(unescaped.len() <= clean.len(), "escapes only shorten");
    if !path::is_printable(&unescaped) {
        return;
    }
    let key = unescaped.strip_prefix(b"/v1/kv/").unwrap_or(&unescaped);
    let query = String::from_utf8_lossy(query);
    let params = Params::parse(&query);
    let encoded = params.encode();
    assert_eq!(Params::parse(&encoded).encode(), encoded, "parameters change when they are written again");
    says_why(ReadOptions::parse(&params).map(|options| {
        let stale = params.has("stale") || params.has("max_stale");
        assert!(stale || !matches!(options.mode, ReadMode::Stale { .. }), "stale without being asked");
    }));
    match method {
        b"PUT" => says_why(kv::put(key, &params).map(|_| assert!(!key.is_empty(), "a key without a name was written"))),
        b"DELETE" => says_why(kv::delete(key, &params).map(|_| ())),
        _ => says_why(kv::lookup(key, &params).map(|_| ())),
    }
}

/// A refusal has a status of its kind and says why.
fn says_why(read: Result<(), ApiError>) {
    if let Err(refused) = read {
        assert!((400..600).contains(&refused.status), "refused with {}", refused.status);
        assert!(!refused.text.is_empty(), "refused without a word");
    }
}

fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    bytes.iter().position(|b| *b == at).map_or((bytes, &[][..]), |i| (&bytes[..i], &bytes[i + 1..]))
}

/// Request lines that clients send, and some that nobody should.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("get", "GET /v1/kv/greeting?raw"),
        ("wait", "GET /v1/kv/a/b?index=7&wait=1m30s&consistent"),
        ("stale", "GET /v1/kv/a?stale&max_stale=10s&recurse&dc=dc1"),
        ("keys", "GET /v1/kv/?keys&separator=%2F"),
        ("put", "PUT /v1/kv/a%20b/%C3%A9?flags=18446744073709551615&cas=0"),
        ("acquire", "PUT /v1/kv/lock?acquire=adf4238a-882b-9ddc-4a9d-5b6758e4159e&release=x"),
        ("delete", "DELETE /v1/kv/a/?recurse&cas=3"),
        ("dots", "GET /v1/kv/../../etc//./passwd?a=%zz&&=&wait=-1s"),
        ("control", "GET /v1/kv/%00%0a%7f%e2%80%ae"),
    ]
    .map(|(name, line)| (name, line.as_bytes().to_vec()))
    .to_vec()
}
