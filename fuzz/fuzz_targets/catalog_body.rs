#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::catalog_body::run(input));
