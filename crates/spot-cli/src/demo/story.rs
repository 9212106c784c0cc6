//! How the demo tells what happens.

use std::io::{self, Write};

use crate::failure::Failure;

/// The text of the demo, on standard output, step by step as it happens.
pub(super) struct Story {
    step: u32,
    /// Why something was not told, if so.
    unwritten: Option<io::Error>,
}

impl Story {
    pub(super) fn new(title: &str) -> Self {
        let mut story = Self {
            step: 0,
            unwritten: None,
        };
        story.print(title);
        story
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        self.print(&format!("\n{}. {title}", self.step));
    }

    /// Tells what is done.
    pub(super) fn say(&mut self, text: &str) {
        self.print(&format!("     {text}"));
    }

    /// Tells what was checked and found right.
    pub(super) fn check(&mut self, text: &str) {
        self.print(&format!("   ✓ {text}"));
    }

    pub(super) fn table(&mut self, lines: &[String]) {
        self.print("\nThe count:");
        for line in lines {
            self.print(&format!("   {line}"));
        }
    }

    /// The last words; fails if any were not written.
    pub(super) fn end(mut self, text: &str) -> Result<(), Failure> {
        self.print(&format!("\n✓ {text}"));
        self.unwritten
            .map_or(Ok(()), |error| Err(Failure::Output(error)))
    }

    /// Tells where it went wrong; the reason follows on standard error.
    pub(super) fn failed(&mut self) {
        self.print(&format!("\n✗ Step {} failed.", self.step));
    }

    fn print(&mut self, text: &str) {
        // The demo is a check first: it goes on where nobody reads on.
        if let Err(error) = writeln!(io::stdout(), "{text}") {
            self.unwritten.get_or_insert(error);
        }
    }
}
