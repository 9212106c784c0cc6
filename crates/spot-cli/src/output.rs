//! What people and programs read: notes, tables, messages.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Tells people something, on standard error.
pub(crate) fn note(text: impl Display) {
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
    /// The topic, a space, the data with control characters escaped; a line.
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
            Format::Text => self.line(&format!("{topic} {}", printable(data))),
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

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Output)?;
        if self.is_terminal {
            self.flush()?;
        }
        Ok(())
    }
}

/// Rows under a heading, the columns aligned.
pub(crate) fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> Vec<String> {
    let heading = heading.map(String::from);
    let lines = || std::iter::once(&heading).chain(rows);
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        lines()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line.trim_end().to_owned()
    };
    lines().map(line).collect()
}

/// The data on one line: control characters and bytes that are not UTF-8 escaped.
fn printable(data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len());
    for chunk in data.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && character != '\t' {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
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
    fn data_stays_on_its_line_and_sends_no_terminal_codes() {
        assert_eq!(printable("21.5 °C\t".as_bytes()), "21.5 °C\t");
        assert_eq!(printable(b"a\nb\r\0"), "a\\nb\\r\\u{0}");
        assert_eq!(printable(b"\x1b[31m"), "\\u{1b}[31m");
        assert_eq!(printable(b"a\xff\xfeb"), "a\\xff\\xfeb");
        assert_eq!(printable(b""), "");
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
}
