//! The functions of the library as a whole.

use std::ffi::{c_char, c_int};
use std::time::Duration;

use crate::{args, errno, failure};

/// What `slk_has` affirms.
const CAPABILITIES: [&str; 6] = ["tcp", "ipc", "inproc", "history", "gossip", "quorum"];

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    let version = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    for (place, part) in [major, minor, patch].into_iter().zip(version) {
        // SAFETY: NULL or the caller's int.
        unsafe { args::put(place, part.parse().unwrap_or(0)) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_has(capability: *const c_char) -> c_int {
    // SAFETY: NULL or the caller's text.
    let capability = unsafe { args::text(capability, "capability of slk_has") };
    capability
        .is_ok_and(|word| CAPABILITIES.contains(&word))
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn slk_errno() -> c_int {
    failure::last_number()
}

#[unsafe(no_mangle)]
extern "C" fn slk_errmsg() -> *const c_char {
    failure::last_text()
}

#[unsafe(no_mangle)]
extern "C" fn slk_strerror(number: c_int) -> *const c_char {
    errno::text(number)
}

#[unsafe(no_mangle)]
extern "C" fn slk_clock() -> u64 {
    // The system's clock and not `Instant`, whose zero would be process-wide state for `fork` to trip over.
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a timespec of ours; CLOCK_MONOTONIC always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000
}

#[unsafe(no_mangle)]
extern "C" fn slk_sleep(ms: c_int) {
    if let Ok(ms @ 1..) = u64::try_from(ms) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}
