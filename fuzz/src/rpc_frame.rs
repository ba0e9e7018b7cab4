//! A stream of RPC frames from a peer that may be anyone.

use bytes::BytesMut;
use muster::rpc::{FrameError, read_frame};

/// Longest body taken here: small enough that inputs reach it.
const LIMIT: usize = 4096;

/// Reads frames off `input` until it ends or is refused. However it is cut into reads, the same frames come out.
pub fn run(input: &[u8]) {
    let whole = read_all(input, input.len().max(1));
    let bytewise = read_all(input, 1);
    assert_eq!(whole, bytewise, "frames depend on how the stream was cut");
    let taken: usize = whole.0.iter().map(|body| body.len() + 20).sum();
    assert!(taken <= input.len(), "{taken} bytes of frames out of {}", input.len());
}

/// The bodies read and how the reading ended.
fn read_all(input: &[u8], at_a_time: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let (mut buffer, mut bodies) = (BytesMut::new(), Vec::new());
    for piece in input.chunks(at_a_time) {
        buffer.extend_from_slice(piece);
        loop {
            match read_frame(&mut buffer, LIMIT) {
                Ok(Some(frame)) => {
                    assert!(frame.body.len() <= LIMIT, "a body of {} bytes", frame.body.len());
                    bodies.push(frame.body.to_vec());
                }
                Ok(None) => break,
                Err(refused) => return (bodies, Some(refused)),
            }
        }
    }
    (bodies, None)
}

/// Frames as the wire format says: length, protocol, kind, method, id, patience, body.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let request = frame(1, 515, 7, b"hello");
    let stream = [frame(0, 0, 0, b""), request.clone(), frame(2, 0, 7, &[7; 300]), frame(4, 0, 8, b"")].concat();
    let mut too_long = request.clone();
    too_long[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    vec![
        ("request", request.clone()),
        ("stream", stream),
        ("cut", request[..17].to_vec()),
        ("too-long", too_long),
        ("largest", frame(1, 1, 1, &[0; LIMIT])),
        ("beyond", frame(1, 1, 1, &[0; LIMIT + 1])),
    ]
}

fn frame(kind: u8, method: u16, id: u64, body: &[u8]) -> Vec<u8> {
    let mut out = (16 + body.len() as u32).to_le_bytes().to_vec();
    out.extend([1, kind]);
    out.extend(method.to_le_bytes());
    out.extend(id.to_le_bytes());
    out.extend(250u32.to_le_bytes());
    out.extend_from_slice(body);
    out
}
