//! Numbers in parameters, refused in the words of Go's `strconv`, which clients of Consul have seen.

/// Reads an unsigned number of 64 bits in decimal; the error is the text Consul's users know.
pub fn parse_u64(text: &str) -> Result<u64, String> {
    let refused = |why: &str| Err(format!("strconv.ParseUint: parsing {}: {why}", crate::model::quote(text)));
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return refused("invalid syntax");
    }
    text.parse().or_else(|_| refused("value out of range"))
}

#[cfg(test)]
mod tests {
    use super::parse_u64;

    #[test]
    fn numbers_have_no_sign_no_blanks_and_64_bits() {
        assert_eq!(parse_u64("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(parse_u64("007"), Ok(7));
        assert_eq!(parse_u64("abc").unwrap_err(), "strconv.ParseUint: parsing \"abc\": invalid syntax");
        assert_eq!(parse_u64("").unwrap_err(), "strconv.ParseUint: parsing \"\": invalid syntax");
        for text in ["-1", "+1", " 1", "1_0", "0x1"] {
            assert!(parse_u64(text).unwrap_err().ends_with("invalid syntax"), "{text}");
        }
        assert_eq!(
            parse_u64("18446744073709551616").unwrap_err(),
            "strconv.ParseUint: parsing \"18446744073709551616\": value out of range"
        );
    }
}
