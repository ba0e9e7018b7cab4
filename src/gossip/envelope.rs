//! The outermost layer of datagrams and frames: plain or LZ4, with a bound on what it may unpack to.

/// Shorter contents are not worth compressing.
const WORTH_COMPRESSING: usize = 256;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Why bytes could not be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Ends too early, or starts with an unknown mark.
    #[error("not a gossip envelope")]
    Unknown,
    /// Longer than the receiver takes.
    #[error("{claimed} bytes unpacked; the limit is {limit}")]
    TooLong {
        /// The length it claims.
        claimed: usize,
        /// The longest taken.
        limit: usize,
    },
    /// LZ4 that does not unpack to the length it claims.
    #[error("corrupt LZ4")]
    Corrupt,
}

/// Wraps `content`, compressed if that is shorter.
pub(super) fn wrap(content: &[u8]) -> Vec<u8> {
    if content.len() >= WORTH_COMPRESSING {
        let packed = lz4_flex::block::compress(content);
        if packed.len() + 5 < content.len() + 1 {
            let mut out = Vec::with_capacity(packed.len() + 5);
            out.push(LZ4);
            out.extend_from_slice(&(content.len() as u32).to_le_bytes());
            out.extend_from_slice(&packed);
            return out;
        }
    }
    let mut out = Vec::with_capacity(content.len() + 1);
    out.push(PLAIN);
    out.extend_from_slice(content);
    out
}

/// The content of `bytes`, at most `limit` long, given to `read`.
pub(super) fn unwrap<T>(bytes: &[u8], limit: usize, read: impl FnOnce(&[u8]) -> T) -> Result<T, EnvelopeError> {
    let (&mark, rest) = bytes.split_first().ok_or(EnvelopeError::Unknown)?;
    match mark {
        PLAIN if rest.len() > limit => Err(EnvelopeError::TooLong { claimed: rest.len(), limit }),
        PLAIN => Ok(read(rest)),
        LZ4 => {
            let (length, packed) = rest.split_first_chunk::<4>().ok_or(EnvelopeError::Unknown)?;
            let claimed = u32::from_le_bytes(*length) as usize;
            if claimed > limit {
                return Err(EnvelopeError::TooLong { claimed, limit });
            }
            let mut content = vec![0; claimed];
            let written = lz4_flex::block::decompress_into(packed, &mut content).map_err(|_| EnvelopeError::Corrupt)?;
            if written == claimed { Ok(read(&content)) } else { Err(EnvelopeError::Corrupt) }
        }
        _unknown_mark => Err(EnvelopeError::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::{EnvelopeError, unwrap, wrap};

    #[test]
    fn what_was_wrapped_is_unwrapped() {
        for content in [&b""[..], b"short", &[7; 1000], &(0..=255).cycle().take(900).collect::<Vec<u8>>()] {
            assert_eq!(unwrap(&wrap(content), 1000, <[u8]>::to_vec).unwrap(), content);
        }
    }

    #[test]
    fn repetition_is_packed() {
        assert!(wrap(&[7; 1000]).len() < 100);
    }

    #[test]
    fn a_small_packet_cannot_claim_a_large_content() {
        let bomb = wrap(&[0; 100_000]);
        assert_eq!(unwrap(&bomb, 1400, <[u8]>::len), Err(EnvelopeError::TooLong { claimed: 100_000, limit: 1400 }));
        let mut liar = wrap(&[0; 1000]);
        liar[1..5].copy_from_slice(&1399u32.to_le_bytes());
        assert_eq!(unwrap(&liar, 1400, <[u8]>::len), Err(EnvelopeError::Corrupt));
        assert_eq!(unwrap(&[], 10, <[u8]>::len), Err(EnvelopeError::Unknown));
        assert_eq!(unwrap(&[9, 1], 10, <[u8]>::len), Err(EnvelopeError::Unknown));
    }
}
