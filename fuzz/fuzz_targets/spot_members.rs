#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| serverlink_fuzz::spot::check_members(data));
