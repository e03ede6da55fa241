//! libFuzzer's entry: `QUORATE_FUZZ_TARGET` names the target.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static TARGET: OnceLock<quorate_fuzz::Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let (_, run) = TARGET.get_or_init(|| {
        let name = std::env::var("QUORATE_FUZZ_TARGET").unwrap_or_default();
        quorate_fuzz::target(&name).unwrap_or_else(|| panic!("QUORATE_FUZZ_TARGET={name} is no target"))
    });
    run(data);
});
