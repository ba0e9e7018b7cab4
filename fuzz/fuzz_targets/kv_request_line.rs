#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::kv_request_line::run(input));
