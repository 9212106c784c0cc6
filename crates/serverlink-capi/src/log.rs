//! The log of the library by callback, on a thread of its own.
//!
//! Nodes log wherever something happens, also with locks held and on I/O threads: a line is put into a queue there, and
//! nothing waits. This belongs to the process, as `tracing` does; yet no lock of it is in the way of a child after `fork`,
//! which finds a log of another process and leaves it alone.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt::Debug;
use std::process;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, dispatcher, subscriber};

use crate::errno::Errno;
use crate::failure::Failure;
use crate::fence;

/// `slk_log_fn`.
type Function = unsafe extern "C" fn(
    level: c_int,
    target: *const c_char,
    message: *const c_char,
    user: *mut c_void,
);

/// Lines that may wait for the callback: what a cluster of some hundred members logs when it falls apart.
const MAX_LINES: usize = 1024;

/// Where lines go now. What it points to stays for ever: whoever logs may just be looking at it.
static SINK: AtomicPtr<Sink> = AtomicPtr::new(null_mut());

#[unsafe(no_mangle)]
extern "C" fn slk_set_log(level: c_int, callback: Option<Function>, user: *mut c_void) -> c_int {
    fence::status(|| {
        let next = match callback {
            Some(function) => {
                Box::into_raw(Box::new(Sink::start(level, Callback { function, user })?))
            }
            None => null_mut(),
        };
        if !dispatcher::has_been_set() {
            // Who comes second finds that the first has set the same.
            let _ = subscriber::set_global_default(ToSink);
        }
        let former = SINK.swap(next, Ordering::AcqRel);
        if let Some(former) = sink_of_this_process(former) {
            former.end();
        }
        Ok(())
    })
}

/// The sink, unless there is none or it is that of a parent, whose thread is not here.
fn sink_of_this_process(sink: *mut Sink) -> Option<&'static Sink> {
    // SAFETY: null, or made by `Box::into_raw` and never freed.
    let sink = unsafe { sink.as_ref() }?;
    (sink.process == process::id()).then_some(sink)
}

#[derive(Clone, Copy)]
struct Callback {
    function: Function,
    user: *mut c_void,
}

// SAFETY: the header says that the callback runs on another thread, with its `user`.
unsafe impl Send for Callback {}

/// A queue of lines and the thread that hands them over.
struct Sink {
    process: u32,
    level: Level,
    lines: SyncSender<Option<Line>>,
    shared: Arc<Shared>,
    thread: ThreadId,
    handle: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    /// Lines that found no room since that was told.
    left_out: AtomicU64,
    /// No line is handed over any more.
    is_over: AtomicBool,
}

struct Line {
    level: c_int,
    target: CString,
    message: CString,
}

impl Sink {
    fn start(level: c_int, callback: Callback) -> Result<Self, Failure> {
        let level = level_of(level)?;
        let (lines, queue) = sync_channel(MAX_LINES);
        let shared = Arc::<Shared>::default();
        let spawned = thread::Builder::new()
            .name(String::from("spot-log"))
            .spawn({
                let shared = Arc::clone(&shared);
                move || hand_over(&queue, &shared, callback)
            });
        let handle = spawned.map_err(|error| {
            let says = format_args!("cannot start the thread of the log: {error}");
            Failure::new(Errno::from(&error), says)
        })?;
        Ok(Self {
            process: process::id(),
            level,
            lines,
            shared,
            thread: handle.thread().id(),
            handle: Mutex::new(Some(handle)),
        })
    }

    fn put(&self, line: Line) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Some(line)) {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands over what was logged before, and nothing after; within the callback this one is the last.
    fn end(&self) {
        if thread::current().id() == self.thread {
            self.shared.is_over.store(true, Ordering::Relaxed);
            return;
        }
        // Without its thread it has ended.
        let _ = self.lines.send(None);
        let handle = self
            .handle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(handle) = handle {
            // A panic there was printed there.
            let _ = handle.join();
        }
    }
}

/// The thread.
fn hand_over(queue: &Receiver<Option<Line>>, shared: &Shared, callback: Callback) {
    while let Ok(Some(line)) = queue.recv() {
        let left_out = shared.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let text = format!("lines left out, because the callback was too slow: {left_out}");
            call(callback, &Line::new(Level::WARN, "serverlink", &text));
        }
        if !shared.is_over.load(Ordering::Relaxed) {
            call(callback, &line);
        }
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn call(callback: Callback, line: &Line) {
    let (target, message) = (line.target.as_ptr(), line.message.as_ptr());
    // SAFETY: the caller's function and what it said to pass; the texts live until it returns.
    unsafe { (callback.function)(line.level, target, message, callback.user) };
}

impl Line {
    fn new(level: Level, target: &str, message: &str) -> Self {
        Self {
            level: number_of(level),
            target: CString::new(target).unwrap_or_default(),
            message: CString::new(harmless(message)).unwrap_or_default(),
        }
    }
}

/// Peers choose names and topics, which are not to act on a terminal, nor to end the text.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        let acts = character.is_control()
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if acts {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

const LEVELS: [Level; 5] = [
    Level::ERROR,
    Level::WARN,
    Level::INFO,
    Level::DEBUG,
    Level::TRACE,
];

fn level_of(number: c_int) -> Result<Level, Failure> {
    let index = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    let level = index.and_then(|index| LEVELS.get(index));
    level.copied().ok_or_else(|| {
        Failure::invalid(format_args!(
            "level of slk_set_log is {number}: take SLK_LOG_ERROR (1) to SLK_LOG_TRACE (5)"
        ))
    })
}

fn number_of(level: Level) -> c_int {
    let index = LEVELS.iter().position(|known| *known == level);
    index.map_or(0, |index| index as c_int + 1)
}

/// The subscriber of `tracing`: what happens goes to whoever wants it at the time.
struct ToSink;

impl Subscriber for ToSink {
    /// To be asked each time: what is wanted changes.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let sink = sink_of_this_process(SINK.load(Ordering::Acquire));
        metadata.is_event() && sink.is_some_and(|sink| *metadata.level() <= sink.level)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(sink) = sink_of_this_process(SINK.load(Ordering::Acquire)) else {
            return;
        };
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let message = text.message + &text.fields;
        sink.put(Line::new(*metadata.level(), metadata.target(), &message));
    }

    // The library has no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, and each field as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.message = value,
            // What is not known is not told.
            _ if value.is_empty() || value == "\"\"" => {}
            name => self.fields += &format!(" {name}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_header() {
        for number in 1..=5 {
            assert_eq!(number_of(level_of(number).unwrap()), number);
        }
        for number in [c_int::MIN, -1, 0, 6, c_int::MAX] {
            assert!(
                level_of(number)
                    .unwrap_err()
                    .text()
                    .contains("SLK_LOG_TRACE"),
                "{number}"
            );
        }
    }

    #[test]
    fn what_peers_choose_neither_acts_on_a_terminal_nor_ends_the_text() {
        let line = Line::new(Level::INFO, "t", "a\u{1b}[2J\n\0\u{202e}b");
        assert_eq!(line.message.to_str(), Ok(r"a\u{1b}[2J\n\u{0}\u{202e}b"));
    }
}
