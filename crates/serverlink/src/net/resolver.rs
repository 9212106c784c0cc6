//! Host names to addresses, away from the thread that asks.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

/// Threads that look names up. A name the system takes long for holds up one of them.
const MAX_WORKERS: usize = 4;

/// The outcome of a lookup: at least one address, in the system's order of preference.
pub(crate) type Resolved = io::Result<Vec<SocketAddr>>;

/// Takes the outcome of a lookup.
pub(crate) type ResolveCallback = Box<dyn FnOnce(Resolved) + Send>;

/// Looks names up with the system's resolver, which blocks, on threads of its own that start when
/// first needed.
///
/// Dropping it ends the threads and forgets the callbacks that are not due yet. A lookup cannot be
/// interrupted: a thread in one ends by itself when the system returns.
pub(crate) struct Resolver {
    thread_name: String,
    shared: Arc<Shared>,
}

impl Resolver {
    /// A resolver whose threads bear `thread_name`; none is started yet.
    pub(crate) fn new(thread_name: impl Into<String>) -> Resolver {
        Resolver::with_lookup(thread_name, |host| {
            Ok((host, 0).to_socket_addrs()?.collect())
        })
    }

    /// Calls back with the addresses of `host`, each with `port`. An IP literal is answered on this
    /// thread before the call returns; a name on a worker, where the callback has to be quick.
    /// Requests for a name that is being looked up share the one answer.
    pub(crate) fn resolve(&self, host: &str, port: u16, callback: ResolveCallback) {
        if let Some(ip) = ip_literal(host) {
            return callback(Ok(vec![SocketAddr::new(ip, port)]));
        }
        let mut state = self.shared.lock();
        let waiting = state.waiting.entry(host.to_owned()).or_default();
        waiting.push(Request { port, callback });
        if waiting.len() > 1 {
            return;
        }
        state.queue.push_back(host.to_owned());
        let is_short = state.idle < state.queue.len() && state.workers.len() < MAX_WORKERS;
        let started = if is_short {
            self.start_worker(&mut state)
        } else {
            Ok(())
        };
        match started {
            // With no thread at all nobody would ever answer.
            Err(error) if state.workers.is_empty() => {
                state.queue.clear();
                let requests = state.waiting.remove(host).unwrap_or_default();
                drop(state);
                answer(requests, Err(error));
            }
            _ => self.shared.work.notify_one(),
        }
    }

    fn with_lookup(
        thread_name: impl Into<String>,
        lookup: impl Fn(&str) -> Resolved + Send + Sync + 'static,
    ) -> Resolver {
        Resolver {
            thread_name: thread_name.into(),
            shared: Arc::new(Shared {
                lookup: Box::new(lookup),
                state: Mutex::default(),
                work: Condvar::new(),
            }),
        }
    }

    fn start_worker(&self, state: &mut State) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let builder = thread::Builder::new().name(self.thread_name.clone());
        state.workers.push(builder.spawn(move || shared.work())?);
        Ok(())
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let workers = std::mem::take(&mut state.workers);
        let busy = std::mem::take(&mut state.busy);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.shared.work.notify_all();
        drop(waiting);
        // One that is busy may be so for long, and one in a callback may be this very thread.
        for worker in workers {
            if !busy.contains(&worker.thread().id()) {
                let _ = worker.join();
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.thread_name).finish()
    }
}

/// The address that `host` spells out, an IPv6 one with or without brackets.
pub(super) fn ip_literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

struct Shared {
    lookup: Box<dyn Fn(&str) -> Resolved + Send + Sync>,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Names to look up.
    queue: VecDeque<String>,
    /// Who wants the names in the queue and those being looked up.
    waiting: HashMap<String, Vec<Request>>,
    workers: Vec<JoinHandle<()>>,
    /// Workers that wait for a name.
    idle: usize,
    /// Workers in a lookup or a callback.
    busy: Vec<ThreadId>,
    closed: bool,
}

struct Request {
    port: u16,
    callback: ResolveCallback,
}

impl Shared {
    /// What a worker does: look names up until the resolver is dropped.
    fn work(&self) {
        let this_thread = thread::current().id();
        while let Some(host) = self.next_host(this_thread) {
            let outcome = (self.lookup)(&host);
            let requests = self.lock().waiting.remove(&host).unwrap_or_default();
            answer(requests, outcome);
            self.lock().busy.retain(|&id| id != this_thread);
        }
    }

    fn next_host(&self, this_thread: ThreadId) -> Option<String> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(host) = state.queue.pop_front() {
                state.busy.push(this_thread);
                return Some(host);
            }
            state.idle += 1;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives every request the outcome, with its own port.
fn answer(requests: Vec<Request>, outcome: Resolved) {
    let outcome = match outcome {
        Ok(none) if none.is_empty() => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        )),
        other => other,
    };
    for Request { port, callback } in requests {
        callback(match &outcome {
            Ok(addresses) => Ok(addresses.iter().map(|a| with_port(*a, port)).collect()),
            // io::Error cannot be cloned.
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        });
    }
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A request whose answer can be waited for.
    fn ask(resolver: &Resolver, host: &str, port: u16) -> Receiver<Resolved> {
        let (sender, receiver) = mpsc::channel();
        let callback = move |outcome| sender.send(outcome).unwrap_or_default();
        resolver.resolve(host, port, Box::new(callback));
        receiver
    }

    fn wait(answer: &Receiver<Resolved>) -> Resolved {
        answer.recv_timeout(PATIENCE).expect("no answer")
    }

    /// Answers `10.0.0.1`, but names with `slow` in them only after `release` was sent to, and
    /// names with `bad` in them not at all. Tells each lookup as it starts.
    fn gated() -> (Resolver, Receiver<String>, Sender<()>) {
        let (started, starts) = mpsc::channel();
        let (release, gate) = mpsc::channel();
        let gate = Mutex::new(gate);
        let resolver = Resolver::with_lookup("resolver", move |host| {
            started.send(host.to_owned()).unwrap_or_default();
            if host.contains("slow") {
                let _ = gate.lock().unwrap().recv_timeout(PATIENCE);
            }
            if host.contains("bad") {
                return Err(io::Error::other("no such name"));
            }
            Ok(vec!["10.0.0.1:0".parse().unwrap()])
        });
        (resolver, starts, release)
    }

    #[test]
    fn literals_are_answered_without_a_thread() {
        let (resolver, ..) = gated();
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1:5"),
            ("::1", "[::1]:5"),
            ("[::1]", "[::1]:5"),
        ] {
            let answer = ask(&resolver, host, 5).try_recv().unwrap().unwrap();
            assert_eq!(answer, [address.parse().unwrap()]);
        }
        assert!(resolver.shared.lock().workers.is_empty());
    }

    #[test]
    fn the_system_knows_localhost() {
        let resolver = Resolver::new("resolver");
        let addresses = wait(&ask(&resolver, "localhost", 7)).unwrap();
        assert!(!addresses.is_empty());
        for address in addresses {
            assert!(address.ip().is_loopback());
            assert_eq!(address.port(), 7);
        }
    }

    #[test]
    fn a_failed_lookup_is_told_with_its_reason() {
        let (resolver, ..) = gated();
        let error = wait(&ask(&resolver, "bad", 1)).unwrap_err();
        assert_eq!(error.to_string(), "no such name");
        let empty = Resolver::with_lookup("resolver", |_| Ok(Vec::new()));
        let error = wait(&ask(&empty, "none", 1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_slow_name_holds_up_no_other_and_is_looked_up_once() {
        let (resolver, starts, release) = gated();
        // As often as a dialer may ask again, more than there are workers.
        let slow: Vec<_> = (1..=20).map(|port| ask(&resolver, "slow", port)).collect();
        for host in ["a", "b", "c"] {
            wait(&ask(&resolver, host, 1)).unwrap();
        }
        assert!(matches!(slow[0].try_recv(), Err(TryRecvError::Empty)));
        release.send(()).unwrap();
        for (port, answer) in (1..).zip(&slow) {
            assert_eq!(wait(answer).unwrap()[0].port(), port);
        }
        assert_eq!(starts.try_iter().filter(|host| host == "slow").count(), 1);
    }

    #[test]
    fn threads_are_bounded_and_queued_names_have_their_turn() {
        let (resolver, starts, release) = gated();
        let answers: Vec<_> = (0..10)
            .map(|i| ask(&resolver, &format!("slow{i}"), 1))
            .collect();
        for _ in 0..MAX_WORKERS {
            starts.recv_timeout(PATIENCE).unwrap();
        }
        assert_eq!(resolver.shared.lock().workers.len(), MAX_WORKERS);
        for _ in 0..answers.len() {
            release.send(()).unwrap();
        }
        for answer in &answers {
            wait(answer).unwrap();
        }
    }

    #[test]
    fn dropping_waits_for_no_lookup_and_forgets_the_callbacks() {
        let (resolver, starts, release) = gated();
        let answer = ask(&resolver, "slow", 1);
        starts.recv_timeout(PATIENCE).unwrap();
        let shared = Arc::downgrade(&resolver.shared);
        drop(resolver);
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Disconnected)));
        assert!(
            shared.upgrade().is_some(),
            "the worker is still in the lookup"
        );
        release.send(()).unwrap();
    }

    #[test]
    fn dropping_ends_idle_threads() {
        let (resolver, ..) = gated();
        wait(&ask(&resolver, "a", 1)).unwrap();
        let shared = Arc::downgrade(&resolver.shared);
        while resolver.shared.lock().idle == 0 {
            thread::yield_now();
        }
        drop(resolver);
        assert!(shared.upgrade().is_none());
    }

    #[test]
    fn a_callback_may_ask_again() {
        let (resolver, ..) = gated();
        let resolver = Arc::new(resolver);
        let (sender, receiver) = mpsc::channel();
        let again = Arc::clone(&resolver);
        let callback = move |_| {
            let callback = move |outcome| sender.send(outcome).unwrap_or_default();
            again.resolve("b", 2, Box::new(callback));
        };
        resolver.resolve("a", 1, Box::new(callback));
        assert_eq!(wait(&receiver).unwrap()[0].port(), 2);
    }

    #[test]
    fn a_callback_may_drop_the_resolver() {
        let (resolver, _starts, release) = gated();
        let resolver = Arc::new(resolver);
        let (sender, receiver) = mpsc::channel();
        let last = Arc::clone(&resolver);
        let callback = move |_| {
            drop(last);
            sender.send(()).unwrap_or_default();
        };
        resolver.resolve("slow", 1, Box::new(callback));
        drop(resolver);
        release.send(()).unwrap();
        receiver.recv_timeout(PATIENCE).expect("the drop hangs");
    }
}
