//! `spot sub`: prints what arrives on topics and patterns.

mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serverlink::{Delivery, Message, Node, Options, RecvError, Subscriber, Wait};

use crate::cli::SubArgs;
use crate::cli::value::is_pattern;
use crate::client::Client;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Format, Output, note, wait_for_broken_pipe};
use crate::text::{counted, duration};

pub(crate) fn run(args: &SubArgs) -> Result<(), Failure> {
    let queue = |options: &mut Options| {
        options.subscriber.hwm = args.hwm;
        options.subscriber.overflow = args.overflow;
        options.subscriber.history = args.history;
    };
    let client = Client::start(&args.join, &args.binds, queue, Node::close)?;
    let subscriber = subscribe(&client, &args.filters)?;
    let over = Arc::new(AtomicBool::new(false));
    end_on_broken_pipe(&client.node, &over);
    thread::scope(|scope| {
        scope.spawn(|| watch::links(&client, &subscriber, &args.filters, &over));
        let done = Receiver::new(args).run(&subscriber);
        let explained = done.map_err(|end| explain(end, &client));
        let reader_left = over.swap(true, Relaxed);
        // Ends the watcher.
        client.node.close();
        if reader_left { Ok(()) } else { explained }
    })
}

/// A pipe may break while no message comes that would show it.
fn end_on_broken_pipe(node: &Node, over: &Arc<AtomicBool>) {
    let (node, over) = (node.clone(), Arc::clone(over));
    thread::spawn(move || {
        wait_for_broken_pipe();
        over.store(true, Relaxed);
        node.close();
    });
}

/// A subscriber to topics and patterns.
pub(super) fn subscribe(client: &Client, filters: &[String]) -> Result<Subscriber, Failure> {
    let subscriber = client.node.subscriber();
    for filter in filters {
        if is_pattern(filter) {
            subscriber.subscribe_pattern(filter)?;
        } else if client.peers.is_empty() {
            // A name that nobody could offer yet is refused; a pattern waits for whoever connects.
            subscriber.subscribe_pattern(&filter.replace('\\', r"\\"))?;
        } else {
            subscriber.subscribe(filter)?;
        }
    }
    Ok(subscriber)
}

/// Why receiving ended early.
enum End {
    Failed(Failure),
    /// Too few messages when the time was up.
    TimedOut {
        received: u64,
        timeout: Duration,
    },
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn explain(end: End, client: &Client) -> Failure {
    match end {
        End::Failed(failure) => failure,
        End::TimedOut { received, timeout } => {
            let missing = watch::missing(&client.node);
            let mut text = format!(
                "{} received within {}",
                counted(received, "message"),
                duration(timeout)
            );
            if !missing.is_empty() {
                text += &format!("; not connected to {}", client.explain(&missing));
            }
            Failure::Timeout(text)
        }
    }
}

/// Receives and prints as many messages as asked for, for as long as asked for.
struct Receiver {
    format: Format,
    count: Option<u64>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    received: u64,
}

impl Receiver {
    fn new(args: &SubArgs) -> Self {
        Self {
            format: match (args.json, args.raw) {
                (true, _) => Format::Json,
                (_, true) => Format::Raw,
                _ => Format::Text,
            },
            count: args.count,
            timeout: args.timeout,
            deadline: args.timeout.map(|timeout| Instant::now() + timeout),
            received: 0,
        }
    }

    fn run(mut self, subscriber: &Subscriber) -> Result<(), End> {
        let mut output = Output::new();
        while self.count.is_none_or(|count| self.received < count) {
            match self.next(subscriber, &mut output)? {
                Some(delivery) => self.take(delivery, &mut output)?,
                None => return self.ended(),
            }
        }
        Ok(output.flush()?)
    }

    /// The next delivery; `None` when the time is up or the node is closed. Prints what is buffered before it waits.
    fn next(
        &self,
        subscriber: &Subscriber,
        output: &mut Output,
    ) -> Result<Option<Delivery>, Failure> {
        match subscriber.try_recv() {
            Ok(delivery) => return Ok(Some(delivery)),
            Err(RecvError::Empty) => output.flush()?,
            Err(_) => {
                output.flush()?;
                return Ok(None);
            }
        }
        let wait = self.deadline.map_or(Wait::Forever, |deadline| {
            Wait::For(deadline.saturating_duration_since(Instant::now()))
        });
        Ok(subscriber.recv_wait(wait).ok())
    }

    fn take(&mut self, delivery: Delivery, output: &mut Output) -> Result<(), Failure> {
        match delivery {
            Delivery::Message(message) => self.print(&message, output)?,
            Delivery::Gap {
                topic,
                missed: Some(count),
            } => note(format_args!(
                "missed {} of {topic}",
                counted(count, "message")
            )),
            Delivery::Gap {
                topic,
                missed: None,
            } => {
                note(format_args!(
                    "may have missed messages of {topic}: the count died with the publisher"
                ));
            }
            Delivery::PeerLost { name, .. } => note(format_args!(
                "lost node {name}; waiting for it to come back"
            )),
            Delivery::Ended => {
                output.flush()?;
                return Err(Failure::Failed(
                    "the subscription was ended because this program was too slow: raise --hwm or choose another \
                     --overflow"
                        .into(),
                ));
            }
            other => note(format_args!("{other:?}")),
        }
        Ok(())
    }

    fn print(&mut self, message: &Message, output: &mut Output) -> Result<(), Failure> {
        self.received += 1;
        output.message(self.format, message.topic(), message.data(), self.received)
    }

    /// What it means that nothing more comes.
    fn ended(&self) -> Result<(), End> {
        let enough = self.received >= self.count.unwrap_or(1);
        match self.timeout {
            _ if interrupt::happened() && self.count.is_none() => Ok(()),
            Some(timeout) if !enough => Err(End::TimedOut {
                received: self.received,
                timeout,
            }),
            Some(_) => Ok(()),
            None => Err(End::Failed(Failure::Failed("the node is closed".into()))),
        }
    }
}
