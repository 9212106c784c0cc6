//! `spot bench sub`: counts what arrives, and sends round trips back.

use serde_json::{Value, json};
use serverlink::{Delivery, Node, Options};

use super::figures::Figures;
use super::progress::Progress;
use super::{Stopwatch, kind, number, sent_of, topic};
use crate::cli::bench::BenchSubArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Output, note};
use crate::text::{counted, grouped};

/// Measurements remembered at once: those that are over may still be asked for their count.
const MAX_STREAMS: usize = 64;

pub(crate) fn run(args: &BenchSubArgs) -> Result<(), Failure> {
    let queue = |options: &mut Options| {
        options.subscriber.hwm = args.hwm;
        options.subscriber.overflow = args.overflow;
    };
    let place = &args.place;
    let client = Client::start(&place.join, &place.binds, queue, Node::close)?;
    let subscriber = client.node.subscriber();
    for kind in [kind::DATA, kind::ASK] {
        subscriber.subscribe_pattern(&topic("*", kind))?;
    }
    let mut counter = Counter {
        node: &client.node,
        streams: Vec::new(),
        progress: Progress::start(),
        as_json: place.json,
        done: 0,
        failed: 0,
    };
    while args.count.is_none_or(|count| counter.done < count) {
        match subscriber.recv() {
            Ok(Delivery::Message(message)) => counter.take(message.topic(), message.data())?,
            Ok(Delivery::PeerLost { .. }) => counter.break_off()?,
            Ok(Delivery::Ended) => {
                return Err(Failure::Failed(
                    "the subscription was ended because this program was too slow, as --overflow disconnect has it".into(),
                ));
            }
            // What is missing shows in the numbers.
            Ok(_) => {}
            Err(_) if interrupt::happened() && args.count.is_none() => break,
            Err(error) => return Err(Failure::Failed(error.to_string())),
        }
    }
    counter.judged()
}

/// Counts streams until they end.
struct Counter<'n> {
    node: &'n Node,
    /// The one that something came of last is the last.
    streams: Vec<Stream>,
    progress: Progress,
    as_json: bool,
    done: u64,
    failed: u64,
}

/// What came of a stream so far.
struct Stream {
    topic: String,
    id: String,
    is_asked: bool,
    begun: Stopwatch,
    /// The number that comes next.
    next: u64,
    messages: u64,
    bytes: u64,
    reordered: u64,
    /// What was told at its end.
    told: Option<Value>,
}

impl Counter<'_> {
    fn take(&mut self, topic: &str, data: &[u8]) -> Result<(), Failure> {
        let Some(index) = self.find(topic) else {
            return Ok(());
        };
        if let Some(sent) = sent_of(data) {
            return self.end(index, sent);
        }
        let stream = &mut self.streams[index];
        stream.count(data);
        self.progress.add(data.len());
        if stream.is_asked {
            let answered = self
                .node
                .publish(&super::topic(&stream.id, kind::ANSWER), data);
            if let Err(error) = answered {
                note(format_args!("a round trip is not answered: {error}"));
            }
        }
        Ok(())
    }

    /// The stream of this topic, mostly the same as before; a new one where the topic is one to count.
    fn find(&mut self, topic: &str) -> Option<usize> {
        if let Some(index) = self.streams.iter().rposition(|one| one.topic == topic) {
            return Some(index);
        }
        let (id, kind) = topic.strip_prefix("bench:")?.rsplit_once(':')?;
        if self.streams.len() == MAX_STREAMS {
            self.streams.remove(0);
        }
        self.streams.push(Stream {
            topic: topic.to_owned(),
            id: id.to_owned(),
            is_asked: kind == kind::ASK,
            begun: Stopwatch::start(),
            next: 0,
            messages: 0,
            bytes: 0,
            reordered: 0,
            told: None,
        });
        Some(self.streams.len() - 1)
    }

    /// Tells what was counted. The end may come again where the other side did not hear it.
    fn end(&mut self, index: usize, sent: u64) -> Result<(), Failure> {
        let receiver = self.node.id().to_string();
        let stream = &mut self.streams[index];
        let (told, is_news) = match &stream.told {
            Some(told) => (told.clone(), false),
            None => (stream.counted(&receiver, sent), true),
        };
        stream.told = Some(told.clone());
        let to = super::topic(&stream.id, kind::COUNTED);
        if let Err(error) = self.node.publish(&to, told.to_string()) {
            note(format_args!(
                "the other side is not told the count: {error}"
            ));
        }
        if is_news { self.tell(&told) } else { Ok(()) }
    }

    /// A node is lost: the streams that came from it have no end.
    fn break_off(&mut self) -> Result<(), Failure> {
        let receiver = self.node.id().to_string();
        let node = self.node;
        let is_lost = |topic: &str| node.topic(topic).is_none_or(|info| !info.reachable);
        let open = |stream: &&mut Stream| stream.told.is_none() && is_lost(&stream.topic);
        let mut broken_off = Vec::new();
        for stream in self.streams.iter_mut().filter(open) {
            let mut told = stream.counted(&receiver, stream.messages);
            told["complete"] = json!(false);
            stream.told = Some(told.clone());
            broken_off.push(told);
        }
        broken_off.iter().try_for_each(|told| self.tell(told))
    }

    fn tell(&mut self, told: &Value) -> Result<(), Failure> {
        self.done += 1;
        self.failed += u64::from(!is_perfect(told));
        let mut output = Output::new();
        if self.as_json {
            output.line(&told.to_string())?;
        } else {
            let what = if told["answered"] == true {
                "answered"
            } else {
                "received"
            };
            output.line(&format!("{what}  {}", text(told)))?;
        }
        output.flush()
    }

    fn judged(&self) -> Result<(), Failure> {
        match self.failed {
            0 => Ok(()),
            failed => Err(Failure::Failed(format!(
                "{failed} of {} lost messages, had them out of order, or ended early",
                counted(self.done, "measurement")
            ))),
        }
    }
}

impl Stream {
    fn count(&mut self, data: &[u8]) {
        if self.messages == 0 {
            self.begun = Stopwatch::start();
        }
        self.messages += 1;
        self.bytes += data.len() as u64;
        match number(data) {
            Some(number) if number >= self.next => self.next = number + 1,
            // After one that was sent later, or a second time.
            _ => self.reordered += 1,
        }
    }

    fn counted(&self, receiver: &str, sent: u64) -> Value {
        let (seconds, cpu_seconds) = self.begun.read();
        let figures = Figures {
            messages: self.messages,
            bytes: self.bytes,
            seconds,
            cpu_seconds,
        };
        let mut told = figures.object();
        told["receiver"] = json!(receiver);
        told["answered"] = json!(self.is_asked);
        told["sent"] = json!(sent);
        told["lost"] = json!(sent.saturating_sub(self.messages));
        told["reordered"] = json!(self.reordered);
        told["complete"] = json!(true);
        told
    }
}

fn is_perfect(told: &Value) -> bool {
    told["lost"] == 0 && told["reordered"] == 0 && told["complete"] == true
}

/// What a receiver told, which is another program's to make up.
pub(super) fn text(told: &Value) -> String {
    let whole = |name: &str| told[name].as_u64().unwrap_or(0);
    let real = |name: &str| told[name].as_f64().unwrap_or(0.0);
    let figures = Figures {
        messages: whole("messages"),
        bytes: whole("bytes"),
        seconds: real("seconds"),
        cpu_seconds: real("cpu_seconds"),
    };
    let mut text = figures.text();
    match (whole("lost"), whole("reordered")) {
        (0, 0) => text += "; none lost, none out of order",
        (lost, reordered) => {
            text += &format!(
                "; {} LOST, {} OUT OF ORDER",
                grouped(lost),
                grouped(reordered)
            );
        }
    }
    if told["complete"] != true {
        text += "; BROKEN OFF: the other side was lost";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream {
            topic: String::new(),
            id: String::new(),
            is_asked: false,
            begun: Stopwatch::start(),
            next: 0,
            messages: 0,
            bytes: 0,
            reordered: 0,
            told: None,
        }
    }

    fn counted(numbers: &[u64], sent: u64) -> Value {
        let mut stream = stream();
        numbers
            .iter()
            .for_each(|number| stream.count(&number.to_le_bytes()));
        stream.counted("r", sent)
    }

    #[test]
    fn what_is_missing_repeated_or_out_of_order_shows() {
        let told = counted(&[0, 1, 2], 3);
        assert!(is_perfect(&told), "{told}");
        let told = counted(&[0, 2], 4);
        assert_eq!((&told["lost"], &told["reordered"]), (&json!(2), &json!(0)));
        let told = counted(&[0, 2, 1], 3);
        assert_eq!((&told["lost"], &told["reordered"]), (&json!(0), &json!(1)));
        let told = counted(&[0, 1, 1], 2);
        assert!(!is_perfect(&told), "{told}");
        assert!(text(&counted(&[], 5)).contains("5 LOST"));
    }

    #[test]
    fn what_another_program_made_up_is_harmless() {
        let text = text(&json!({"messages": "\u{1b}[2J", "lost": -1, "seconds": null}));
        assert!(text.starts_with("0 messages in 0.00 s"), "{text}");
        assert!(text.contains("BROKEN OFF"), "{text}");
    }
}
