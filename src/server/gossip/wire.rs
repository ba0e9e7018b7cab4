//! The one place where gossip's bytes meet the network: every datagram and every frame passes here, so whoever seals or opens them does
//! it here.

use crate::gossip::frame::MAX_FRAME;
use crate::runtime::UdpSocket;
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Longest datagram taken: the largest UDP has.
pub(super) const MAX_DATAGRAM: usize = 65_535;

/// Longest frame taken: the content may be longer than [`MAX_FRAME`] by its envelope.
const LONGEST: usize = MAX_FRAME + 64;

/// Length of a frame's header: its body's length, little-endian.
const HEADER: usize = 4;

/// Sends one datagram. Errors say nothing that silence would not say later.
pub(super) async fn send_datagram<S: UdpSocket>(socket: &S, to: SocketAddr, bytes: &[u8]) {
    if let Err(error) = socket.send_to(bytes, to).await {
        tracing::debug!(%to, %error, "gossip datagram not sent");
    }
}

/// Receives one datagram into `buf`.
pub(super) async fn receive_datagram<S: UdpSocket>(socket: &S, buf: &mut [u8]) -> io::Result<(Bytes, SocketAddr)> {
    let (length, from) = socket.recv_from(buf).await?;
    Ok((Bytes::copy_from_slice(&buf[..length]), from))
}

/// Writes one frame.
pub(super) async fn write_frame<W: AsyncWrite + Unpin>(stream: &mut W, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(HEADER + frame.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(frame);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Takes the next whole frame off what has arrived, if there is one. An error says that the peer speaks something else.
pub(super) fn take_frame(arrived: &mut BytesMut) -> Result<Option<Bytes>, String> {
    let Some(header) = arrived.first_chunk::<HEADER>() else { return Ok(None) };
    let length = u32::from_le_bytes(*header) as usize;
    if length > LONGEST {
        return Err(format!("a frame of {length} bytes; the limit is {LONGEST}"));
    }
    if arrived.len() < HEADER + length {
        return Ok(None);
    }
    arrived.advance(HEADER);
    Ok(Some(arrived.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::{BytesMut, LONGEST, take_frame, write_frame};
    use crate::runtime::{Runtime, tokio::Tokio};

    #[test]
    fn a_frame_is_taken_when_all_of_it_is_there() {
        let mut wire = Vec::new();
        Tokio::block_on(write_frame(&mut wire, b"hello")).unwrap();
        Tokio::block_on(write_frame(&mut wire, b"")).unwrap();
        let mut arrived = BytesMut::new();
        for byte in &wire[..8] {
            arrived.extend_from_slice(&[*byte]);
            assert_eq!(take_frame(&mut arrived), Ok(None));
        }
        arrived.extend_from_slice(&wire[8..]);
        assert_eq!(take_frame(&mut arrived).unwrap().unwrap(), &b"hello"[..]);
        assert_eq!(take_frame(&mut arrived).unwrap().unwrap(), &b""[..]);
        assert_eq!(take_frame(&mut arrived), Ok(None));
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_kept_for_it() {
        let mut arrived = BytesMut::from(&(LONGEST as u32 + 1).to_le_bytes()[..]);
        assert!(take_frame(&mut arrived).is_err());
    }
}
