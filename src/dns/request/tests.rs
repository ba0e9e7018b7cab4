use super::{LONGEST_UDP, Reason, Refused, Request, Transport};
use crate::dns::Kind;

/// `www.consul`, A, with RD.
const ASKED: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03wWw\x06consul\0\0\x01\0\x01";
const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\0\0\0\0";

fn read(message: &[u8]) -> Result<Request<'_>, Refused> {
    Request::read(message, Transport::Udp)
}

/// The question with some bytes changed and others behind it.
fn changed(changes: &[(usize, u8)], behind: &[&[u8]]) -> Vec<u8> {
    let mut message = ASKED.to_vec();
    changes.iter().for_each(|(at, byte)| message[*at] = *byte);
    behind.iter().for_each(|bytes| message.extend_from_slice(bytes));
    message
}

fn refused(message: &[u8]) -> (Reason, Option<Vec<u8>>) {
    let refused = read(message).unwrap_err();
    (refused.reason, refused.reply.map(<[u8]>::into_vec))
}

#[test]
fn a_question_is_read_with_its_name_as_it_was_written() {
    let request = read(ASKED).unwrap();
    assert_eq!((request.id, request.name.to_string(), request.kind, request.limit()), (0x1234, "wWw.consul.".to_owned(), Kind::A, 512));
    assert!(request.edns.is_none() && request.recursion_desired);
    assert_eq!(Request::read(ASKED, Transport::Tcp).unwrap().limit(), 65_535);
}

#[test]
fn the_size_that_an_asker_takes_is_honoured_within_bounds() {
    for (size, limit) in [(0, 512), (511, 512), (1232, 1232), (4096, 4096), (65_535, LONGEST_UDP)] {
        let mut opt = OPT.to_vec();
        opt[3..5].copy_from_slice(&u16::to_be_bytes(size as u16));
        assert_eq!(read(&changed(&[(11, 1)], &[&opt])).unwrap().limit(), limit);
    }
}

#[test]
fn records_that_do_not_matter_are_passed_over() {
    let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04";
    let message = changed(&[(7, 1), (9, 1), (11, 2)], &[record, record, b"\x01a\0\0\xfa\0\xff\0\0\0\0\0\x02zz", OPT]);
    assert_eq!(read(&message).unwrap().edns.map(|edns| edns.udp_size), Some(4096));
}

#[test]
fn what_could_be_answered_for_ever_or_is_no_message_hears_nothing() {
    assert_eq!(refused(b"short"), (Reason::Short, None));
    assert_eq!(refused(&ASKED[..11]), (Reason::Short, None));
    assert_eq!(refused(&changed(&[(2, 0x81)], &[])), (Reason::Answer, None));
}

#[test]
fn what_is_broken_hears_the_code_for_it_and_little_more() {
    let pointer = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
    for (message, reason, code) in [
        (changed(&[(2, 0x11)], &[]), Reason::Operation, 4),
        (changed(&[(2, 0x29)], &[]), Reason::Operation, 4),
        (changed(&[(5, 0)], &[]), Reason::Questions, 1),
        (changed(&[(5, 2)], &[]), Reason::Questions, 1),
        (pointer.to_vec(), Reason::Name, 1),
        (ASKED[..20].to_vec(), Reason::Name, 1),
        (ASKED[..27].to_vec(), Reason::Name, 1),
        (changed(&[(27, 5)], &[]), Reason::Class, 5),
        (changed(&[(25, 252)], &[]), Reason::Transfer, 4),
        (changed(&[(25, 41)], &[]), Reason::Transfer, 4),
        (changed(&[], &[b"\0"]), Reason::Records, 1),
        (changed(&[(11, 1)], &[]), Reason::Records, 1),
        (changed(&[(11, 1)], &[&OPT[..10]]), Reason::Records, 1),
        (changed(&[(7, 255)], &[OPT]), Reason::Records, 1),
        (changed(&[(11, 2)], &[OPT, OPT]), Reason::Edns, 1),
        (changed(&[(11, 1)], &[b"\x01a", OPT]), Reason::Edns, 1),
        (changed(&[(11, 1)], &[b"\0\0\x29\x10\0\0\0\0\0\0\x01\0"]), Reason::Edns, 1),
    ] {
        let (said, reply) = refused(&message);
        let reply = reply.expect("a reply");
        assert_eq!((said, reply[3]), (reason, code), "{message:?}");
        assert!(reply.len() <= message.len() && reply[..2] == message[..2] && reply[2] & 0x86 == 0x80);
    }
}

#[test]
fn a_newer_version_of_edns_hears_which_one_we_have() {
    let (reason, reply) = refused(&changed(&[(11, 1)], &[b"\0\0\x29\x10\0\0\x01\0\0\0\x01\xff"]));
    assert_eq!(reason, Reason::Version);
    // The code is 16: its lower bits are zero, its upper ones stand in OPT.
    let reply = reply.unwrap();
    assert_eq!((reply[3], &reply[reply.len() - 11..]), (0, &[0, 0, 41, 0x10, 0, 1, 0, 0, 0, 0, 0][..]));
}

#[test]
fn other_classes_that_are_in_use_count_as_the_internet() {
    for class in [3, 4, 255] {
        assert!(read(&changed(&[(27, class)], &[])).is_ok());
    }
}
