//! Request bodies, read whole and never beyond their bound.

use crate::api::ApiError;
use crate::api::limit::BodyLimit;
use crate::runtime::{Runtime, timeout};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use hyper::header::EXPECT;
use std::time::Duration;

/// What is read and thrown away of a body that is too long, so that its sender hears the refusal rather than a reset connection.
const DISCARD: u64 = 4 * 1_024 * 1_024;

/// How long that may take: a sender that sends nothing hears the refusal then.
const DISCARD_PATIENCE: Duration = Duration::from_millis(500);

/// Reads a body within `limit` into memory of its own: the stored value must not hold on to the connection's buffer.
pub(super) async fn collect<R: Runtime>(mut body: Incoming, headers: &HeaderMap, limit: BodyLimit) -> Result<Vec<u8>, ApiError> {
    let announced = body.size_hint().exact();
    if let Some(length) = announced.filter(|length| *length > limit.bytes) {
        // Who asked first has not sent anything yet.
        if !headers.contains_key(EXPECT) {
            discard::<R>(&mut body, DISCARD).await;
        }
        return Err(limit.refusal(length));
    }
    let mut collected = Vec::with_capacity(announced.unwrap_or(0) as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::bad_request(format!("Request body: {error}")))?;
        let Some(chunk) = frame.data_ref() else { continue };
        let length = (collected.len() + chunk.len()) as u64;
        if length > limit.bytes {
            let rest = discard::<R>(&mut body, DISCARD).await;
            return Err(limit.refusal(length + rest));
        }
        collected.extend_from_slice(chunk);
    }
    Ok(collected)
}

/// Throws away up to `most` bytes, for as long as the patience with them lasts; says how many there were.
async fn discard<R: Runtime>(body: &mut Incoming, most: u64) -> u64 {
    let mut count = 0;
    let _over = timeout::<R, _>(DISCARD_PATIENCE, async {
        while count < most {
            match body.frame().await {
                Some(Ok(frame)) => count += frame.data_ref().map_or(0, |chunk| chunk.len() as u64),
                Some(Err(_)) | None => break,
            }
        }
    })
    .await;
    count
}
