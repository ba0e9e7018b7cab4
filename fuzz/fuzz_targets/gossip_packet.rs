#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::gossip_packet::run(input));
