//! `spot pub`: publishes one message many times, or each line of standard input.

mod way;

use std::ffi::OsStr;
use std::io::{self, BufRead, IsTerminal};
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serverlink::{Node, Options, PublishError, Publisher, SyncError, WaitError};

use crate::cli::PubArgs;
use crate::client::{Client, ELSEWHERE};
use crate::failure::Failure;
use crate::interrupt::{self, FOREVER};
use crate::output::note;
use crate::text::{counted, duration};
use way::Way;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &PubArgs) -> Result<(), Failure> {
    let configure = |options: &mut Options| {
        options.linger = Some(args.linger);
        options.history = args.history.messages;
    };
    let client = Client::start(&args.join, &args.binds, configure, close_and_exit)?;
    let publisher = if client.bound.is_empty() {
        find(&client, args)?
    } else {
        host(&client, args)?
    };
    let mut sender = Sender::new(&client, publisher, args);
    let sent = match &args.data {
        Some(data) => sender.repeat(data, args.count),
        None => {
            if io::stdin().is_terminal() {
                note("each line is a message; end with Ctrl-D");
            }
            sender.lines(io::stdin().lock())
        }
    };
    let confirmed = sent.and_then(|()| sender.confirm(args.linger));
    client.node.close();
    confirmed?;
    match client.node.stats().dropped_at_sender {
        0 => Ok(()),
        lost => Err(Failure::Failed(format!(
            "{lost} of {} {} lost to a full queue: publish slower with --rate, or give the end more time \
             with --linger",
            counted(sender.sent, "message"),
            if lost == 1 { "was" } else { "were" }
        ))),
    }
}

/// The command may be waiting for standard input, which no close of the node ends.
fn close_and_exit(node: &Node) {
    node.close();
    process::exit(i32::from(interrupt::EXIT_CODE));
}

/// The topic as the peers offer it, which may take until the node that hosts it is started.
fn find(client: &Client, args: &PubArgs) -> Result<Publisher, Failure> {
    let (node, topic) = (&client.node, &args.topic);
    let timeout = args.timeout.unwrap_or(DEFAULT_TIMEOUT);
    let begun = Instant::now();
    let learnt = learn(node, topic, timeout);
    let synced = learnt.map_err(|error| client.sync_failure(error, timeout));
    match (node.publisher(topic), synced) {
        (Ok(publisher), _) => return Ok(publisher),
        (Err(_), Err(failure)) => return Err(failure),
        (Err(PublishError::Unknown { .. }), Ok(())) => {}
        (Err(error), Ok(())) => return Err(error.into()),
    }
    let peers = client.peers.join(", ");
    let left = timeout.saturating_sub(begun.elapsed());
    if !left.is_zero() {
        note(format_args!(
            "no node at {peers} offers topic {topic:?} yet: waiting up to {}",
            duration(timeout)
        ));
    }
    match node.wait_reachable(topic, left) {
        Err(WaitError::TimedOut { .. }) => Err(Failure::Timeout(format!(
            "no node at {peers} offered topic {topic:?} within {}: host it there with `spot node --topic {topic}`, or \
             here with --bind, or name the node that hosts it with --peer ({ELSEWHERE})",
            duration(timeout)
        ))),
        Err(error) => Err(Failure::Failed(error.to_string())),
        Ok(()) => Ok(node.publisher(topic)?),
    }
}

/// Learns the peers' topics until this one can be published on: a peer that is missing matters only if the topic is.
fn learn(node: &Node, topic: &str, timeout: Duration) -> Result<(), SyncError> {
    let (tell, first) = mpsc::channel();
    // The thread that comes second ends with its time or the node; nobody waits for it.
    thread::spawn({
        let (node, topic, tell) = (node.clone(), topic.to_owned(), tell.clone());
        move || {
            if node.wait_reachable(&topic, timeout).is_ok() {
                let _ = tell.send(Ok(()));
            }
        }
    });
    let node = node.clone();
    thread::spawn(move || tell.send(node.sync(timeout)));
    first.recv().expect("the sync tells how it ended")
}

/// The topic as hosted here, once enough subscribers listen.
fn host(client: &Client, args: &PubArgs) -> Result<Publisher, Failure> {
    let publisher = client.node.create_topic(&args.topic)?;
    let wanted = args.wait_subscribers;
    if publisher.subscribers() < wanted {
        note(format_args!(
            "waiting for {} of {}",
            counted(wanted as u64, "subscriber"),
            args.topic
        ));
    }
    let timeout = args.timeout.unwrap_or(FOREVER);
    match client.node.wait_subscribers(&args.topic, wanted, timeout) {
        Ok(()) => Ok(publisher),
        Err(WaitError::TimedOut { .. }) => Err(Failure::Timeout(format!(
            "{} of {wanted} subscribers of {:?} within {}: start them with `spot sub {} --peer {}`, or change \
             --wait-subscribers",
            publisher.subscribers(),
            args.topic,
            duration(timeout),
            args.topic,
            client.bound.join(",")
        ))),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

/// Publishes in the rhythm asked for.
struct Sender<'a> {
    node: Node,
    way: Way<'a>,
    publisher: Publisher,
    rate: Option<f64>,
    /// How long the topic may be out of reach.
    timeout: Duration,
    started: Instant,
    sent: u64,
}

impl<'a> Sender<'a> {
    fn new(client: &'a Client, publisher: Publisher, args: &'a PubArgs) -> Self {
        Self {
            node: client.node.clone(),
            way: Way::new(client, &args.topic),
            publisher,
            rate: args.rate,
            timeout: args.timeout.unwrap_or(DEFAULT_TIMEOUT),
            started: Instant::now(),
            sent: 0,
        }
    }

    fn repeat(&mut self, data: &OsStr, count: u64) -> Result<(), Failure> {
        for _ in 0..count {
            self.publish(data.as_encoded_bytes())?;
        }
        Ok(())
    }

    fn lines(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).map_err(Failure::Input)? > 0 {
            self.publish(line.strip_suffix(b"\n").unwrap_or(&line))?;
            line.clear();
        }
        Ok(())
    }

    /// Waits until all is read by those that it was sent to.
    fn confirm(&mut self, linger: Duration) -> Result<(), Failure> {
        self.way.confirm(self.sent, linger)
    }

    fn publish(&mut self, data: &[u8]) -> Result<(), Failure> {
        if let Some(rate) = self.rate {
            // From the start, not from the last message: so that the rate holds although sleeps are late.
            let due = self.started + Duration::from_secs_f64(self.sent as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        self.way.follow(self.sent);
        let published = match self.publisher.publish(data) {
            Err(error) if is_out_of_reach(&error) => self.publish_once_reachable(data),
            published => published,
        };
        let number = self.sent + 1;
        published.map_err(|error| match error {
            error if is_out_of_reach(&error) => Failure::Timeout(format!(
                "message {number} was not published within {}: {error}; start its node again, or give it more time \
                 with --timeout",
                duration(self.timeout)
            )),
            error => Failure::Failed(format!("message {number} was not published: {error}")),
        })?;
        self.sent = number;
        Ok(())
    }

    /// Waits for a node that hosts the topic to be back: it may just be starting again.
    fn publish_once_reachable(&self, data: &[u8]) -> Result<(), PublishError> {
        let topic = self.publisher.topic();
        note(format_args!(
            "message {} waits up to {}: no node that hosts {topic} is connected",
            self.sent + 1,
            duration(self.timeout)
        ));
        let lost = Instant::now();
        loop {
            let left = self.timeout.saturating_sub(lost.elapsed());
            let waited = self.node.wait_reachable(topic, left);
            match self.publisher.publish(data) {
                Err(error) if is_out_of_reach(&error) && waited.is_ok() && !left.is_zero() => {}
                published => return published,
            }
        }
    }
}

/// Whether no node that hosts the topic is connected. It is unknown while a node that started again lists its topics.
fn is_out_of_reach(error: &PublishError) -> bool {
    matches!(
        error,
        PublishError::Unreachable { .. } | PublishError::Unknown { .. }
    )
}
