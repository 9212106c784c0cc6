//! A duplex byte pipe between two nodes of one process.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes a pipe holds each way, unless another bound is wanted.
pub(crate) const PIPE_CAPACITY: usize = 1024 * 1024;

/// Called when an end may have become readable or writable. It runs on the thread that works the
/// other end, so it is quick and only wakes; no lock is held meanwhile.
pub(crate) type ReadyCallback = Arc<dyn Fn() + Send + Sync>;

/// Two connected ends that hold up to `capacity` bytes (at least 1) each way; `name` is the
/// endpoint text of both.
pub(crate) fn pipe(name: &str, capacity: usize) -> (PipeEnd, PipeEnd) {
    assert!(capacity > 0, "a pipe without room passes nothing");
    let (there, back) = (Lane::new(capacity), Lane::new(capacity));
    let end = |incoming: &Arc<Lane>, outgoing: &Arc<Lane>| PipeEnd {
        name: name.into(),
        incoming: Arc::clone(incoming),
        outgoing: Arc::clone(outgoing),
    };
    (end(&back, &there), end(&there, &back))
}

/// One end of a pipe; it behaves as a non-blocking socket does. Dropping it shuts it down.
pub(crate) struct PipeEnd {
    name: Box<str>,
    incoming: Arc<Lane>,
    outgoing: Arc<Lane>,
}

impl PipeEnd {
    /// Sets what is called when this end may have become readable or writable, and calls it once,
    /// for what happened before.
    ///
    /// Readiness is edge-triggered, as mio reports it: read, or write, until `WouldBlock` or a
    /// short write; only then a call is due. There may be calls without cause.
    pub(crate) fn on_ready(&self, callback: ReadyCallback) {
        self.incoming.lock().on_readable = Some(Arc::clone(&callback));
        self.outgoing.lock().on_writable = Some(Arc::clone(&callback));
        callback();
    }

    /// Reads what is there into `buffer`; `Ok(0)` after the last byte of a closed peer.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut lane = self.incoming.lock();
        let length = buffer.len().min(lane.bytes.len());
        if length == 0 && !buffer.is_empty() && !lane.closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        lane.bytes.read_exact(&mut buffer[..length])?;
        // Half of the capacity free, so that the writer wakes for more than a byte.
        let wakes = lane.writer_waits && lane.bytes.len() <= self.incoming.capacity / 2;
        lane.writer_waits &= !wakes;
        let wake = lane.on_writable.clone().filter(|_| wakes);
        drop(lane);
        call(wake);
        Ok(length)
    }

    /// Writes as much as there is room for; `BrokenPipe` once either end is closed.
    pub(super) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut lane = self.outgoing.lock();
        if lane.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let was_empty = lane.bytes.is_empty();
        let mut written = 0;
        for slice in slices {
            let room = self.outgoing.capacity - lane.bytes.len();
            let fits = slice.len().min(room);
            lane.bytes.extend(&slice[..fits]);
            written += fits;
            if fits < slice.len() {
                lane.writer_waits = true;
                break;
            }
        }
        if written == 0 && lane.writer_waits {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let wake = lane.on_readable.clone().filter(|_| was_empty);
        drop(lane);
        call(wake);
        Ok(written)
    }

    /// Ends reading, writing or both. The peer reads to the end of what was written.
    pub(super) fn shutdown(&self, how: Shutdown) {
        if how != Shutdown::Read {
            let mut lane = self.outgoing.lock();
            lane.closed = true;
            let wake = lane.on_readable.clone();
            drop(lane);
            call(wake);
        }
        if how != Shutdown::Write {
            let mut lane = self.incoming.lock();
            lane.closed = true;
            lane.bytes = VecDeque::new();
            let wake = lane.on_writable.clone();
            drop(lane);
            call(wake);
        }
    }

    /// The endpoint text both ends were made with.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.shutdown(Shutdown::Both);
        // The peer keeps the lanes alive, but not what this end's callback refers to.
        let on_readable = self.incoming.lock().on_readable.take();
        let on_writable = self.outgoing.lock().on_writable.take();
        drop((on_readable, on_writable));
    }
}

impl fmt::Debug for PipeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeEnd").field(&self.name).finish()
    }
}

/// One direction.
struct Lane {
    capacity: usize,
    state: Mutex<LaneState>,
}

#[derive(Default)]
struct LaneState {
    bytes: VecDeque<u8>,
    closed: bool,
    /// The last write found no room for all of it.
    writer_waits: bool,
    on_readable: Option<ReadyCallback>,
    on_writable: Option<ReadyCallback>,
}

impl Lane {
    fn new(capacity: usize) -> Arc<Lane> {
        Arc::new(Lane {
            capacity,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn call(callback: Option<ReadyCallback>) {
    if let Some(callback) = callback {
        callback();
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const NAME: &str = "inproc://test";

    fn write(end: &PipeEnd, bytes: &[u8]) -> io::Result<usize> {
        end.write_vectored(&[IoSlice::new(bytes)])
    }

    fn read(end: &PipeEnd) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 64];
        let length = end.read(&mut buffer)?;
        Ok(buffer[..length].to_vec())
    }

    fn kind<T: fmt::Debug>(result: io::Result<T>) -> ErrorKind {
        result.unwrap_err().kind()
    }

    /// Counts the calls for an end since it was last asked.
    fn count_calls(end: &PipeEnd) -> impl Fn() -> usize + use<> {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        end.on_ready(Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        move || calls.swap(0, Ordering::Relaxed)
    }

    #[test]
    fn bytes_pass_both_ways() {
        let (a, b) = pipe(NAME, 64);
        assert_eq!(
            a.write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b"llo")])
                .unwrap(),
            5
        );
        assert_eq!(write(&b, b"world").unwrap(), 5);
        assert_eq!(read(&b).unwrap(), b"hello");
        assert_eq!(read(&a).unwrap(), b"world");
        assert_eq!(kind(read(&a)), ErrorKind::WouldBlock);
        assert_eq!(format!("{a:?}"), format!("PipeEnd({NAME:?})"));
    }

    #[test]
    fn empty_buffers_move_nothing_and_never_block() {
        let (a, _b) = pipe(NAME, 4);
        assert_eq!(a.read(&mut []).unwrap(), 0);
        assert_eq!(write(&a, b"full").unwrap(), 4);
        assert_eq!(write(&a, b"").unwrap(), 0);
    }

    #[test]
    fn a_full_pipe_takes_a_part_and_then_blocks() {
        let (a, b) = pipe(NAME, 8);
        assert_eq!(
            a.write_vectored(&[IoSlice::new(b"12345"), IoSlice::new(b"67890")])
                .unwrap(),
            8
        );
        assert_eq!(kind(write(&a, b"90")), ErrorKind::WouldBlock);
        assert_eq!(read(&b).unwrap(), b"12345678");
        assert_eq!(write(&a, b"90").unwrap(), 2);
        assert_eq!(read(&b).unwrap(), b"90");
    }

    #[test]
    fn the_reader_is_called_when_there_is_something_to_read() {
        let (a, b) = pipe(NAME, 8);
        let calls = count_calls(&b);
        assert_eq!(calls(), 1, "for what happened before");
        write(&a, b"1").unwrap();
        assert_eq!(calls(), 1);
        write(&a, b"2").unwrap();
        assert_eq!(calls(), 0, "it knows already");
        read(&b).unwrap();
        write(&a, b"3").unwrap();
        assert_eq!(calls(), 1);
    }

    #[test]
    fn the_writer_is_called_when_there_is_room_again() {
        let (a, b) = pipe(NAME, 8);
        let calls = count_calls(&a);
        write(&a, b"12345678").unwrap();
        assert_eq!(kind(write(&a, b"9")), ErrorKind::WouldBlock);
        calls();
        b.read(&mut [0; 2]).unwrap();
        assert_eq!(calls(), 0, "too little room to be worth it");
        b.read(&mut [0; 2]).unwrap();
        assert_eq!(calls(), 1);
        b.read(&mut [0; 2]).unwrap();
        assert_eq!(calls(), 0, "nobody waits");
        assert_eq!(write(&a, b"123456789").unwrap(), 6);
        read(&b).unwrap();
        assert_eq!(calls(), 1, "a short write waits too");
    }

    #[test]
    fn a_dropped_end_is_drained_to_the_end_of_the_stream() {
        let (a, b) = pipe(NAME, 8);
        let calls = count_calls(&b);
        write(&a, b"last").unwrap();
        calls();
        drop(a);
        assert!(calls() >= 1);
        assert_eq!(kind(write(&b, b"x")), ErrorKind::BrokenPipe);
        assert_eq!(read(&b).unwrap(), b"last");
        assert_eq!(read(&b).unwrap(), b"");
        assert_eq!(read(&b).unwrap(), b"");
    }

    #[test]
    fn each_direction_can_be_shut_alone() {
        let (a, b) = pipe(NAME, 8);
        a.shutdown(Shutdown::Write);
        assert_eq!(kind(write(&a, b"x")), ErrorKind::BrokenPipe);
        assert_eq!(read(&b).unwrap(), b"");
        write(&b, b"y").unwrap();
        assert_eq!(read(&a).unwrap(), b"y");
        let calls = count_calls(&b);
        calls();
        a.shutdown(Shutdown::Read);
        assert_eq!(calls(), 1);
        assert_eq!(kind(write(&b, b"z")), ErrorKind::BrokenPipe);
        assert_eq!(read(&a).unwrap(), b"");
    }

    #[test]
    fn a_dropped_end_lets_go_of_its_callback() {
        let (a, b) = pipe(NAME, 8);
        let held = Arc::new(());
        let holder = Arc::clone(&held);
        a.on_ready(Arc::new(move || {
            let _ = &holder;
        }));
        drop(a);
        assert_eq!(Arc::strong_count(&held), 1);
        drop(b);
    }

    #[test]
    fn a_callback_may_use_the_pipe() {
        let (a, b) = pipe(NAME, 8);
        let (b, got) = (Arc::new(b), Arc::new(Mutex::new(Vec::new())));
        let (reader, sink) = (Arc::downgrade(&b), Arc::clone(&got));
        b.on_ready(Arc::new(move || {
            let Some(reader) = reader.upgrade() else {
                return;
            };
            while let Ok(bytes) = read(&reader) {
                sink.lock().unwrap().extend(bytes);
            }
        }));
        write(&a, b"12").unwrap();
        write(&a, b"34").unwrap();
        assert_eq!(*got.lock().unwrap(), b"1234");
    }

    #[test]
    fn threads_at_both_ends_miss_no_wake_up() {
        let (a, b) = pipe(NAME, 100);
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let waker = |end: &PipeEnd| {
            let (wake, woken) = mpsc::channel();
            end.on_ready(Arc::new(move || wake.send(()).unwrap_or_default()));
            move || {
                let patience = std::time::Duration::from_secs(20);
                woken.recv_timeout(patience).expect("a wake-up was missed");
            }
        };
        let (wait_a, wait_b) = (waker(&a), waker(&b));
        let sent = bytes.clone();
        let writer = thread::spawn(move || {
            let mut left = &sent[..];
            while !left.is_empty() {
                match write(&a, &left[..left.len().min(170)]) {
                    Ok(n) => left = &left[n..],
                    Err(_) => wait_a(),
                }
            }
        });
        let mut got = Vec::new();
        loop {
            match read(&b) {
                Ok(part) if part.is_empty() => break,
                Ok(part) => got.extend(part),
                Err(_) => wait_b(),
            }
        }
        assert!(got == bytes);
        writer.join().unwrap();
    }
}
