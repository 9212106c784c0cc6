//! What the tests against libzmq and against hostile peers share.

mod raw;
mod spot;
mod zeromq;

pub use raw::{RawFrame, RawPeer, metadata};
pub use spot::{Bystanders, events_until, next_rejection, server};
pub use zeromq::{ZmqExt, assert_silent, zmq_socket};

use std::time::{Duration, Instant};

/// How long a test waits for what must come; far longer than it takes on any machine.
pub const WAIT: Duration = Duration::from_secs(30);

/// [`WAIT`] as libzmq takes it.
pub const WAIT_MS: i32 = 30_000;

/// Waits for a state that nothing tells of.
///
/// # Panics
/// If it has not come about within [`WAIT`].
#[track_caller]
pub fn wait_until(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !is_there() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
