//! 64-bit fingerprints, the same on every machine: FNV-1a, finished by splitmix64's mixer. Not a defence against chosen inputs.

/// Fingerprint of `bytes`.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}

/// A bijection of 64 bits under which each input bit reaches every output bit.
pub(super) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::{fingerprint, mix};

    #[test]
    fn names_that_differ_in_their_end_differ_in_the_top_bits() {
        let tops: std::collections::BTreeSet<u64> = (0..64).map(|n| fingerprint(format!("node-{n}").as_bytes()) >> 58).collect();
        assert!(tops.len() > 30, "only {} of 64 buckets hit", tops.len());
        assert_ne!(mix(1), mix(2));
    }
}
