//! What every answer gets before it is sent: the headers all have, and compression if the client takes it.

use super::answer::AnswerBody;
use super::reply::Reply;
use super::settings::Settings;
use crate::api::date::http_date;
use crate::model::Timestamp;
use crate::runtime::Runtime;
use arc_swap::ArcSwap;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, DATE, HeaderMap, HeaderName, HeaderValue, VARY};
use std::io::Write;
use std::sync::Arc;

const DEFAULT_ACL_POLICY: HeaderName = HeaderName::from_static("x-consul-default-acl-policy");
/// A body that fits one packet is not compressed.
const COMPRESS_FROM: u64 = 1_400;
/// A larger one is compressed where it keeps nobody waiting.
const COMPRESS_APART_FROM: u64 = 64 * 1_024;

/// The `Date` header, made once a second.
#[derive(Debug)]
pub(super) struct DateHeader(ArcSwap<(u64, HeaderValue)>);

impl DateHeader {
    pub(super) fn new() -> DateHeader {
        DateHeader(ArcSwap::from_pointee(Self::made(0)))
    }

    fn made(seconds: u64) -> (u64, HeaderValue) {
        (seconds, HeaderValue::from_str(&http_date(seconds)).expect("a date is ASCII"))
    }

    pub(super) fn at(&self, now: Timestamp) -> HeaderValue {
        let seconds = now.as_unix_nanos() / 1_000_000_000;
        let current = self.0.load();
        if current.0 == seconds {
            return current.1.clone();
        }
        let made = Self::made(seconds);
        let header = made.1.clone();
        self.0.store(Arc::new(made));
        header
    }
}

/// Adds the headers every answer has.
pub(super) fn add_headers(reply: &mut Reply, settings: &Settings, date: HeaderValue) {
    let headers = reply.headers_mut();
    headers.insert(DATE, date);
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(DEFAULT_ACL_POLICY, HeaderValue::from_static("allow"));
    for (name, value) in &settings.response_headers {
        headers.insert(name.clone(), value.clone());
    }
}

/// Whether the client takes gzip: it is named, and not with a weight of zero.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let weightless = |weight: &str| weight.trim().strip_prefix("q=").is_some_and(|q| q.parse().is_ok_and(|q: f32| q <= 0.0));
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !weightless(weight)
    })
}

/// Compresses the body if that is worth it.
pub(super) async fn compress<R: Runtime>(reply: Reply) -> Reply {
    let length = reply.body().size_hint().lower();
    if length < COMPRESS_FROM || reply.headers().contains_key(CONTENT_ENCODING) {
        return reply;
    }
    let (mut parts, AnswerBody::Whole(body)) = reply.into_parts() else { unreachable!("only a whole body has a length") };
    let Ok(plain) = http_body_util::BodyExt::collect(body).await.map(http_body_util::Collected::to_bytes);
    let packed = if length < COMPRESS_APART_FROM {
        Some(gzip(&plain))
    } else {
        let plain = plain.clone();
        R::spawn_blocking(move || gzip(&plain)).await.ok()
    };
    let body = match packed {
        Some(packed) => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            packed
        }
        None => plain,
    };
    Reply::from_parts(parts, AnswerBody::Whole(Full::new(body)))
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::fast());
    packer.write_all(plain).expect("a Vec takes every byte");
    packer.finish().expect("a Vec takes every byte").into()
}

#[cfg(test)]
mod tests {
    use super::{DateHeader, takes_gzip};
    use crate::model::Timestamp;
    use hyper::HeaderMap;

    fn takes(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("accept-encoding", value.parse().unwrap());
        }
        takes_gzip(&headers)
    }

    #[test]
    fn gzip_is_taken_when_it_is_named_with_a_weight() {
        assert!(takes(&["gzip"]) && takes(&["deflate, gzip;q=0.5"]) && takes(&["br", "GZIP"]));
        assert!(!takes(&[]) && !takes(&["identity"]) && !takes(&["gzip;q=0"]) && !takes(&["xgzip"]) && !takes(&["*"]));
    }

    #[test]
    fn the_date_follows_the_clock_either_way() {
        let date = DateHeader::new();
        let at = |seconds: u64| date.at(Timestamp::from_unix_nanos(seconds * 1_000_000_000 + 999_999_999)).to_str().unwrap().to_owned();
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_778), "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
