//! Asking the node again and again, on a thread of its own: a node that does not answer holds up no key.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::snapshot::Snapshot;
use super::views::View;
use crate::http;

/// What was heard of the node: what it told, or why it did not.
pub(super) type Asked = Result<Snapshot, String>;

/// The largest answer: some 100,000 topics.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// A node that takes longer is told as not answering.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Long lists that are not looked at are asked for once in so many turns.
const SELDOM: u64 = 5;

/// What is looked at.
#[derive(Default)]
pub(super) struct Asking {
    view: AtomicUsize,
}

impl Asking {
    /// Another view is shown.
    pub(super) fn show(&self, view: View) {
        self.view.store(view as usize, Relaxed);
    }

    fn shows(&self, view: View) -> bool {
        self.view.load(Relaxed) == view as usize
    }
}

/// Asks until nobody listens.
pub(super) fn start(
    address: SocketAddr,
    interval: Duration,
    asking: Arc<Asking>,
) -> Receiver<Asked> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut last: Option<Snapshot> = None;
        for turn in 0.. {
            let begun = Instant::now();
            let is_turn = |view| turn % SELDOM == 0 || asking.shows(view);
            let asked = ask(address, TIMEOUT, last.as_ref(), is_turn);
            let asked = asked.map_err(|error| error.to_string());
            if let Ok(snapshot) = &asked {
                last = Some(snapshot.clone());
            }
            if tell.send(asked).is_err() {
                return;
            }
            thread::sleep(interval.saturating_sub(begun.elapsed()));
        }
    });
    told
}

/// Asks for everything, but for the lists of views that it is not the turn of: these stay as they were.
pub(super) fn ask(
    address: SocketAddr,
    timeout: Duration,
    last: Option<&Snapshot>,
    is_turn: impl Fn(View) -> bool,
) -> io::Result<Snapshot> {
    let get = |path: &str| -> io::Result<Value> {
        let answer = http::get(address, path, timeout, MAX_ANSWER_BYTES)?;
        // 503 is how a node says that it is not ready.
        if !matches!(answer.status, 200 | 503) {
            let (status, body) = (answer.status, answer.body);
            return Err(io::Error::other(format!("{path} answers {status}: {body}")));
        }
        serde_json::from_str(&answer.body)
            .map_err(|_| io::Error::other(format!("the answer of {path} is no JSON")))
    };
    let list = |view, path: &str, name: &str, before: Option<&Arc<Vec<Value>>>| match before {
        Some(before) if !is_turn(view) => Ok(Arc::clone(before)),
        _ => get(path).map(|mut answer| match answer[name].take() {
            Value::Array(list) => Arc::new(list),
            _ => Arc::default(),
        }),
    };
    let told = Snapshot {
        at: Instant::now(),
        node: get("/api/v1/node")?,
        ready: get("/readyz")?,
        cluster: get("/api/v1/cluster")?,
        peers: list(View::Peers, "/api/v1/peers", "peers", None)?,
        topics: list(
            View::Topics,
            "/api/v1/topics",
            "topics",
            last.map(|last| &last.topics),
        )?,
        events: list(
            View::Events,
            "/api/v1/events",
            "events",
            last.map(|last| &last.events),
        )?,
        rates: Default::default(),
    };
    Ok(told.compared_with(last))
}
