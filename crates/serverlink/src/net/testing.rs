//! What the tests of this module share.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token};

use super::{
    AcceptError, Listener, Stream, TcpOptions, dial_tcp, dial_unix, listen_tcp, listen_unix,
};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A poll that waits for events until a deadline for the whole test.
pub(super) struct TestPoll {
    poll: Poll,
    deadline: Instant,
}

impl TestPoll {
    pub(super) fn new() -> TestPoll {
        TestPoll {
            poll: Poll::new().unwrap(),
            deadline: Instant::now() + PATIENCE,
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    pub(super) fn add(&self, stream: &Stream) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        stream
            .register(self.registry(), Token(0), interest)
            .unwrap();
    }

    /// Returns when an event has arrived.
    pub(super) fn wait(&mut self) {
        let mut events = Events::with_capacity(8);
        while events.is_empty() {
            let left = self.deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no event in {PATIENCE:?}");
            self.poll.poll(&mut events, Some(left)).unwrap();
        }
    }

    /// Waits for the outcome of a dial.
    pub(super) fn connect(&mut self, stream: &Stream) -> io::Result<()> {
        while !stream.is_connected()? {
            self.wait();
        }
        Ok(())
    }

    /// Everything up to the end of the stream.
    pub(super) fn read_to_end(&mut self, stream: &Stream) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return bytes,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Waits for the next connection.
pub(super) fn accept(listener: &Listener) -> (Stream, String) {
    let mut poll = TestPoll::new();
    listener.register(poll.registry(), Token(0)).unwrap();
    loop {
        match listener.accept() {
            Ok(accepted) => break accepted,
            Err(AcceptError::WouldBlock) => poll.wait(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A dialed and an accepted stream.
pub(super) fn tcp_pair(options: &TcpOptions) -> (Stream, Stream) {
    let listener = listen_tcp("127.0.0.1", 0, 16, options).unwrap();
    let address = format!("127.0.0.1:{}", port_of(&listener));
    let dialed = dial_tcp(address.parse().unwrap(), options).unwrap();
    let (accepted, _) = accept(&listener);
    (dialed, accepted)
}

/// A dialed and an accepted stream.
pub(super) fn unix_pair(path: &Path) -> (Stream, Stream) {
    let listener = listen_unix(path, 16).unwrap();
    let dialed = dial_unix(path).unwrap();
    let (accepted, _) = accept(&listener);
    (dialed, accepted)
}

/// The port in the listener's text.
pub(super) fn port_of(listener: &Listener) -> u16 {
    let text = listener.local_text();
    text.rsplit(':').next().unwrap().parse().unwrap()
}

/// A path no other test uses.
pub(super) fn socket_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("serverlink-test-{}-{number}", process::id()))
}
