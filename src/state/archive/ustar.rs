//! The least of the tar format (POSIX.1-1988 ustar): plain files with short names, one after the other.
//!
//! Long names, links and extended headers are refused: nothing of ours needs them, and reading them would take memory that the file decides about.

/// Everything comes in blocks of so many bytes.
pub(super) const BLOCK: usize = 512;

/// Sizes from here on are written in base 256, as GNU tar does: octal digits end at 8 GiB.
const OCTAL_END: u64 = 1 << 33;

/// What a file's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) size: u64,
}

/// The header of a file.
pub(super) fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size < OCTAL_END {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Reads a header; `None` is the block of zeros that ends an archive.
pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Option<Header>, &'static str> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let said = octal(&block[148..156]).ok_or("a header without a checksum")?;
    let blank = |at: usize| (148..156).contains(&at);
    let sum: u64 = block.iter().enumerate().map(|(at, byte)| if blank(at) { 32 } else { u64::from(*byte) }).sum();
    if said != sum {
        return Err("a header whose checksum is wrong");
    }
    if !matches!(block[156], b'0' | 0) {
        return Err("something that is no plain file");
    }
    let size = match block[124] {
        0x80 if block[125..128] == [0, 0, 0] => u64::from_be_bytes(block[128..136].try_into().expect("eight bytes")),
        _octal => octal(&block[124..136]).ok_or("a header without a size")?,
    };
    let name = block[..100].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(Some(Header { name: String::from_utf8_lossy(name).into_owned(), size }))
}

/// Bytes behind a file of `size` bytes, up to the next block.
pub(super) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::{Header, header, padding, parse};

    #[test]
    fn a_header_reads_back() {
        for size in [0, 1, 511, 512, 1 << 20, (1 << 33) - 1, 1 << 33, u64::MAX >> 1] {
            assert_eq!(parse(&header("state.bin", size)), Ok(Some(Header { name: "state.bin".to_owned(), size })));
        }
        assert_eq!(parse(&[0; 512]), Ok(None));
        assert_eq!((padding(0), padding(1), padding(512), padding(513)), (0, 511, 0, 511));
    }

    #[test]
    fn a_changed_header_and_what_is_no_file_are_refused() {
        let whole = header("a", 5);
        for at in (0..512).filter(|at| !(154..156).contains(at)) {
            let mut changed = whole;
            changed[at] ^= 1;
            assert!(parse(&changed).is_err(), "byte {at}");
        }
        // GNU's long name.
        let mut long = whole;
        long[156] = b'L';
        long[151] += 3;
        assert!(parse(&long).is_err());
    }

    #[test]
    fn tar_itself_would_read_it() {
        let block = header("meta.json", 1024);
        assert_eq!(&block[257..265], b"ustar\x0000");
        assert_eq!(&block[124..136], b"00000002000\0");
    }
}
