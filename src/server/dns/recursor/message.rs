//! Making a recursor's reply ours.

/// Bytes of a message's header (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

/// Gives a reply the asker's id, says that recursion is offered (RA), and not that it is authentic (AD): nobody here has proved that.
pub(super) fn adopt(reply: &mut [u8], id: u16) {
    reply[..2].copy_from_slice(&id.to_be_bytes());
    reply[3] = reply[3] & !0x20 | 0x80;
}

/// Leaves header and question of a message, saying that it is cut short (TC).
pub(in crate::server::dns) fn cut_short(message: &mut Vec<u8>) {
    let questions = question(message).map(|question| question.len());
    message.truncate(HEADER + questions.unwrap_or(0));
    message[2] |= 0x02;
    message[4..HEADER].fill(0);
    message[5] = u8::from(questions.is_some());
}

/// The question section of a message that has one question.
fn question(message: &[u8]) -> Option<&[u8]> {
    if message[4..6] != [0, 1] {
        return None;
    }
    let mut at = HEADER;
    while let length @ 1.. = *message.get(at)? {
        at += usize::from(length) + 1;
    }
    message.get(HEADER..at + 5)
}

#[cfg(test)]
mod tests {
    use super::{adopt, cut_short};

    const QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

    fn reply() -> Vec<u8> {
        let mut reply = QUERY.to_vec();
        (reply[2], reply[3], reply[7]) = (0x81, 0x20, 1);
        reply.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\0\0\x01");
        reply
    }

    #[test]
    fn what_is_passed_on_is_the_askers_and_can_be_cut_short() {
        let mut reply = reply();
        adopt(&mut reply, 0xabcd);
        assert_eq!((&reply[..2], reply[3]), (&[0xab, 0xcd][..], 0x80));
        cut_short(&mut reply);
        assert_eq!((reply.len(), reply[2] & 2, &reply[4..12]), (QUERY.len(), 2, &[0, 1, 0, 0, 0, 0, 0, 0][..]));
    }

    #[test]
    fn what_has_no_question_is_cut_to_its_header() {
        for mut odd in [reply()[..20].to_vec(), [&QUERY[..5], &[0], &QUERY[6..]].concat()] {
            cut_short(&mut odd);
            assert_eq!((odd.len(), odd[2] & 2, odd[5]), (12, 2, 0));
        }
    }
}
