//! What a check says, within its limit.

/// The beginning of `output`, at most `limit` bytes of it, with a note of how much there was if some was cut. A character is not split.
pub fn capped(output: String, limit: usize) -> String {
    if output.len() <= limit {
        return output;
    }
    let kept = output.floor_char_boundary(limit);
    format!("{} ... (captured {kept} of {} bytes)", &output[..kept], output.len())
}

const EXPIRED: &str = "TTL expired (last output before timeout follows): ";

/// What a TTL check says once nobody has spoken for it. It may have said so before, in an earlier life of the agent.
pub(super) fn expired(last: &str) -> String {
    if last.starts_with(EXPIRED) { last.to_owned() } else { format!("{EXPIRED}{last}") }
}

#[cfg(test)]
mod tests {
    use super::capped;

    #[test]
    fn output_over_the_limit_is_cut_and_said_so() {
        assert_eq!(capped("12345".to_owned(), 5), "12345");
        assert_eq!(capped("123456".to_owned(), 5), "12345 ... (captured 5 of 6 bytes)");
    }

    #[test]
    fn a_character_on_the_limit_is_left_out_whole() {
        assert_eq!(capped("123\u{e4}".to_owned(), 4), "123 ... (captured 3 of 5 bytes)");
        assert_eq!(capped("\u{e4}".to_owned(), 0), " ... (captured 0 of 2 bytes)");
    }
}
