//! What a sleeping reader costs. A file of its own: the test looks at the memory of its process.

mod common;

use common::*;
use serverlink::Overflow;

/// Bytes of this process in memory.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    // SAFETY: a plain query.
    pages * usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

#[test]
fn a_reader_asleep_costs_its_hwm_and_another_subscriber_nothing() {
    const MESSAGE_BYTES: usize = 20_000;
    const COUNT: u64 = 10_000;
    const HWM: usize = 100;
    let (host, client) = hosting(&["t"]);
    host.configure(|options| options.send_hwm = HWM).unwrap();
    let asleep = [Overflow::DropNewest, Overflow::DropOldest]
        .map(|overflow| subscribed_with(&client, &["t"], overflow, HWM));
    let awake = subscribed_with(&client, &["t"], Overflow::Block, HWM);
    let publisher = host.publisher("t").unwrap();
    let before = resident_bytes();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut payload = vec![0; MESSAGE_BYTES];
            for n in 0..COUNT {
                payload[..8].copy_from_slice(&n.to_le_bytes());
                publisher.publish_timeout(&payload, WAIT).unwrap();
            }
        });
        assert_eq!(take_run(&awake, COUNT).received, COUNT);
    });
    let grown = resident_bytes().saturating_sub(before);
    // Three queues here, one at the link, and what the allocator and the sockets keep: far below the 200 MB sent.
    let bound = 10 * HWM * MESSAGE_BYTES;
    assert!(
        grown < bound,
        "{grown} bytes for queues of {}",
        HWM * MESSAGE_BYTES
    );
    for subscriber in &asleep {
        assert_eq!(subscriber.queued(), HWM);
        assert_eq!(take_run(subscriber, COUNT).received, HWM as u64);
    }
}
