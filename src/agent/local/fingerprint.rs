//! Fingerprints that are the same on every machine and after every restart: FNV-1a with 128 bits (Fowler, Noll, Vo). Not a defence against chosen inputs.

use crate::model::ServiceSpec;
use crate::model::codec::encode;

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Fingerprint of `bytes`.
fn fingerprint(bytes: &[u8]) -> u128 {
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

/// 32 hexadecimal digits for an id that may hold anything, to be used as the name of a file.
pub(super) fn file_name(id: &str) -> String {
    format!("{:032x}", fingerprint(id.as_bytes()))
}

/// 16 hexadecimal digits for a service's definition (`ContentHash`): others if it changes, the same after a restart.
pub fn content_hash(spec: &ServiceSpec) -> String {
    let hash = fingerprint(&encode(1, spec));
    format!("{:016x}", (hash >> 64) as u64 ^ hash as u64)
}

#[cfg(test)]
mod tests {
    use super::{content_hash, file_name, fingerprint};
    use crate::model::ServiceSpec;

    #[test]
    fn the_fingerprint_is_fnv_1a_with_128_bits() {
        assert_eq!(fingerprint(b""), super::BASIS);
        assert_eq!(fingerprint(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(file_name("a"), "d228cb696f1a8caf78912b704e4a8964");
    }

    #[test]
    fn a_content_hash_changes_with_the_definition_alone() {
        let web = ServiceSpec::new("web", "web");
        let moved = ServiceSpec { port: 80, ..web.clone() };
        assert_eq!(content_hash(&web), content_hash(&web.clone()));
        assert_eq!(content_hash(&web).len(), 16);
        assert_ne!(content_hash(&web), content_hash(&moved));
    }
}
