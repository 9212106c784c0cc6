//! What people and programs read: notes, tables, messages.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::text::{harmless, printable};

/// Tells people something on standard error, on one line.
pub(crate) fn note(text: impl Display) {
    let text = harmless(&text.to_string());
    // Nobody can be told that standard error is closed.
    let _ = writeln!(io::stderr(), "spot: {text}");
}

/// Waits until nobody can read standard output any more: its pipe is broken. For a file that is never.
pub(crate) fn wait_for_broken_pipe() {
    let stdout = rustix::stdio::stdout();
    // Asks for nothing, so that only an error or a hang-up ends it.
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    while let Err(Errno::INTR) = poll(&mut polled, None) {}
}

/// How a message is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The topic without spaces, a space, the data, both printable; a line.
    Text,
    /// A JSON object; a line.
    Json,
    /// The bytes of the data.
    Raw,
}

/// Standard output: written at once where a person reads it, else in large pieces.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    is_terminal: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        let stdout = io::stdout().lock();
        Self {
            is_terminal: stdout.is_terminal(),
            out: BufWriter::with_capacity(64 * 1024, stdout),
        }
    }

    /// Writes the message that is number `seq` of this run.
    pub(crate) fn message(
        &mut self,
        format: Format,
        topic: &str,
        data: &[u8],
        seq: u64,
    ) -> Result<(), Failure> {
        match format {
            Format::Text => self.line(&message_text(topic, data)),
            Format::Json => self.line(&message_json(topic, data, seq).to_string()),
            Format::Raw => self.write(data),
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.out
            .write_all(line.as_bytes())
            .map_err(Failure::Output)?;
        self.write(b"\n")
    }

    /// Hands on what is buffered; call it before every wait.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Output)
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Output)?;
        if self.is_terminal {
            self.flush()?;
        }
        Ok(())
    }
}

/// Rows under a heading, the columns aligned, the cells printable.
pub(crate) fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> Vec<String> {
    let heading = heading.map(String::from);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell.as_bytes())))
        .collect();
    let lines = || std::iter::once(&heading).chain(&rows);
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| lines().map(|row| columns(&row[column])).max().unwrap_or(0));
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| cell.clone() + &" ".repeat(width - columns(cell) + 2))
            .collect();
        line.trim_end().to_owned()
    };
    lines().map(line).collect()
}

/// How much room a text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

/// The first space ends the topic, whatever is in it.
fn message_text(topic: &str, data: &[u8]) -> String {
    let topic = printable(topic.as_bytes()).replace(' ', r"\x20");
    format!("{topic} {}", printable(data))
}

fn message_json(topic: &str, data: &[u8], seq: u64) -> Value {
    match std::str::from_utf8(data) {
        Ok(text) => json!({ "topic": topic, "data": text, "seq": seq }),
        Err(_) => json!({ "topic": topic, "data_base64": BASE64.encode(data), "seq": seq }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_with_spaces_is_told_from_the_data() {
        assert_eq!(message_text("a b", b"c d"), r"a\x20b c d");
        assert_eq!(message_text("a\n", b"\\"), r"a\n \\");
    }

    #[test]
    fn wide_characters_moved_the_columns_behind_them() {
        let rows = [["温度", "x"], ["a", "y"]].map(|row| row.map(String::from));
        let lines = table(["T", "P"], &rows);
        assert_eq!(lines, ["T     P", "温度  x", "a     y"]);
    }

    #[test]
    fn json_holds_any_bytes() {
        assert_eq!(
            message_json("t", "ü".as_bytes(), 1),
            json!({"topic": "t", "data": "ü", "seq": 1})
        );
        assert_eq!(
            message_json("t", b"\xff", 2),
            json!({"topic": "t", "data_base64": "/w==", "seq": 2})
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(String::from);
        let lines = table(
            ["topic", "place"],
            &[row(["größe", "local"]), row(["a:b:c:d", ""])],
        );
        assert_eq!(lines, ["topic    place", "größe    local", "a:b:c:d"]);
    }

    #[test]
    fn cells_hold_no_control_characters() {
        let lines = table(["A", "B"], &[["\u{1b}[2J", "x\ny"].map(String::from)]);
        assert_eq!(lines, ["A        B", r"\x1b[2J  x\ny"]);
    }
}
