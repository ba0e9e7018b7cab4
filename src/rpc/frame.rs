//! The wire format.
//!
//! A frame is a header of [`HEADER`] bytes and a body. The header is what bincode makes, with fixed little-endian integers, of
//! `(length: u32, protocol: u8, kind: u8, method: u16, id: u64, patience: u32)`: the length counts everything behind itself, the id ties a
//! reply to its request and is never used twice on a connection, the patience is what is left of the caller's time in milliseconds.
//! Fields that a kind has no use for are zero.

use super::Method;
use bytes::{Buf, Bytes, BytesMut};
use std::time::Duration;

/// The protocol spoken here. Two sides that share none part at the hello.
pub(super) const PROTOCOL: u8 = 1;

/// Bytes before the body.
pub(super) const HEADER: usize = 20;

/// What the length field does not count: itself.
const LENGTH: usize = 4;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// First frame of each side: who speaks.
    Hello,
    /// A call.
    Request,
    /// The reply to a call.
    Reply,
    /// The handler's refusal of a call, or the refusal of a hello: text.
    Refusal,
    /// The caller of this id waits no longer.
    Cancel,
    /// No news, but the peer is there and handling.
    Alive,
    /// The call was not begun: too many of long patience are here already.
    Busy,
}

impl Kind {
    const ALL: [Kind; 7] = [Kind::Hello, Kind::Request, Kind::Reply, Kind::Refusal, Kind::Cancel, Kind::Alive, Kind::Busy];

    fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(byte)).copied()
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// For a request, its method.
    pub method: Method,
    /// The call it belongs to.
    pub id: u64,
    /// For a request, milliseconds the caller will still wait.
    pub patience: u32,
    /// The rest.
    pub body: Bytes,
}

/// Why bytes are no frame. The stream cannot be read on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length too small for a header or too large for the limit.
    #[error("frame length {length} is not between {} and {limit}", HEADER - LENGTH)]
    Length {
        /// The length found.
        length: u32,
        /// The largest allowed.
        limit: usize,
    },
    /// Not the protocol agreed on.
    #[error("frame of protocol {0}, not {PROTOCOL}")]
    Protocol(u8),
    /// No kind has this number.
    #[error("frame kind {0} is unknown")]
    Kind(u8),
}

impl Frame {
    /// A frame about call `id` that has only a body.
    pub(super) fn plain(kind: Kind, id: u64, body: Bytes) -> Frame {
        Frame { kind, method: Method(0), id, patience: 0, body }
    }

    /// The header that precedes the body on the wire.
    pub(super) fn header(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let length = (HEADER - LENGTH + self.body.len()) as u32;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out[4] = PROTOCOL;
        out[5] = self.kind as u8;
        out[6..8].copy_from_slice(&self.method.0.to_le_bytes());
        out[8..16].copy_from_slice(&self.id.to_le_bytes());
        out[16..].copy_from_slice(&self.patience.to_le_bytes());
        out
    }
}

/// Milliseconds of `patience`, rounded up so that what is left never looks like nothing.
pub(super) fn millis(patience: Duration) -> u32 {
    u32::try_from(patience.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

/// Takes the next frame off the front of `input`; `Ok(None)` if more bytes are needed. Bodies up to `limit` bytes.
///
/// Its body shares `input`'s memory. No length found inside costs memory before the bytes themselves are there.
pub fn read_frame(input: &mut BytesMut, limit: usize) -> Result<Option<Frame>, FrameError> {
    let Some(length) = claimed_length(input, limit)? else { return Ok(None) };
    let Some(&[protocol, kind]) = input.get(4..6) else { return Ok(None) };
    if protocol != PROTOCOL {
        return Err(FrameError::Protocol(protocol));
    }
    let kind = Kind::from_byte(kind).ok_or(FrameError::Kind(kind))?;
    if input.len() < LENGTH + length {
        return Ok(None);
    }
    let mut frame = input.split_to(LENGTH + length);
    frame.advance(6);
    let method = Method(frame.get_u16_le());
    let id = frame.get_u64_le();
    let patience = frame.get_u32_le();
    Ok(Some(Frame { kind, method, id, patience, body: frame.freeze() }))
}

/// Bytes still missing from the frame at the front of `input`; zero if its length is not known yet.
pub(super) fn missing(input: &[u8], limit: usize) -> usize {
    match claimed_length(input, limit) {
        Ok(Some(length)) => (LENGTH + length).saturating_sub(input.len()),
        Ok(None) | Err(_) => 0,
    }
}

fn claimed_length(input: &[u8], limit: usize) -> Result<Option<usize>, FrameError> {
    let Some(bytes) = input.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_le_bytes(*bytes);
    let body = (length as usize).checked_sub(HEADER - LENGTH);
    match body {
        Some(body) if body <= limit => Ok(Some(length as usize)),
        Some(_) | None => Err(FrameError::Length { length, limit: limit.saturating_add(HEADER - LENGTH) }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, FrameError, HEADER, Kind, millis, read_frame};
    use crate::rpc::Method;
    use bytes::{Bytes, BytesMut};
    use proptest::prelude::*;
    use std::time::Duration;

    fn wire(frame: &Frame) -> BytesMut {
        let mut out = BytesMut::from(&frame.header()[..]);
        out.extend_from_slice(&frame.body);
        out
    }

    fn request(body: &'static [u8]) -> Frame {
        Frame { kind: Kind::Request, method: Method(515), id: 7, patience: 250, body: Bytes::from_static(body) }
    }

    #[test]
    fn the_header_is_what_bincode_makes_of_its_fields() {
        use bincode::Options;
        let fields = (16u32 + 5, 1u8, 1u8, 515u16, 7u64, 250u32);
        let bytes = bincode::DefaultOptions::new().with_fixint_encoding().serialize(&fields).unwrap();
        assert_eq!(request(b"hello").header().to_vec(), bytes);
        assert_eq!(bytes.len(), HEADER);
    }

    #[test]
    fn a_frame_in_two_pieces_is_read_when_the_second_is_there() {
        let whole = wire(&request(b"hello"));
        for cut in 0..whole.len() {
            let mut input = BytesMut::from(&whole[..cut]);
            assert_eq!(read_frame(&mut input, 100), Ok(None), "cut at {cut}");
            input.extend_from_slice(&whole[cut..]);
            assert_eq!(read_frame(&mut input, 100), Ok(Some(request(b"hello"))), "cut at {cut}");
            assert!(input.is_empty());
        }
    }

    #[test]
    fn a_body_at_the_limit_passes_and_one_beyond_does_not() {
        let mut input = wire(&request(b"hello"));
        assert_eq!(read_frame(&mut input.clone(), 5), Ok(Some(request(b"hello"))));
        assert_eq!(read_frame(&mut input, 4), Err(FrameError::Length { length: 21, limit: 20 }));
    }

    #[test]
    fn another_protocol_and_an_unknown_kind_are_refused() {
        let mut input = wire(&request(b""));
        input[4] = 9;
        assert_eq!(read_frame(&mut input.clone(), 9), Err(FrameError::Protocol(9)));
        (input[4], input[5]) = (1, 200);
        assert_eq!(read_frame(&mut input, 9), Err(FrameError::Kind(200)));
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        for kind in Kind::ALL {
            let frame = Frame::plain(kind, 3, Bytes::from_static(b"x"));
            assert_eq!(read_frame(&mut wire(&frame), 9), Ok(Some(frame)));
        }
    }

    #[test]
    fn patience_is_rounded_up_and_saturates() {
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_millis(3)), 3);
        assert_eq!(millis(Duration::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_only_what_was_there_is_taken(bytes: Vec<u8>) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = read_frame(&mut input, 64) {
                prop_assert!(frame.body.len() <= 64);
            }
            prop_assert!(input.len() <= bytes.len());
        }
    }
}
