//! How the demo tells what happens.

use std::io::{self, Write};

/// The text of the demo, on standard output, step by step as it happens.
pub(super) struct Story {
    step: u32,
}

impl Story {
    pub(super) fn new(title: &str) -> Self {
        print(title);
        Self { step: 0 }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        print(&format!("\n{}. {title}", self.step));
    }

    /// Tells what is done.
    pub(super) fn say(&mut self, text: &str) {
        print(&format!("     {text}"));
    }

    /// Tells what was checked and found right.
    pub(super) fn check(&mut self, text: &str) {
        print(&format!("   ✓ {text}"));
    }

    pub(super) fn table(&mut self, lines: &[String]) {
        print("\nThe count:");
        for line in lines {
            print(&format!("   {line}"));
        }
    }

    pub(super) fn end(&mut self, text: &str) {
        print(&format!("\n✓ {text}"));
    }

    /// Tells where it went wrong; the reason follows on standard error.
    pub(super) fn failed(&mut self) {
        print(&format!("\n✗ Step {} failed.", self.step));
    }
}

fn print(text: &str) {
    // The demo is a check first: its exit code counts also where nobody reads on.
    let _ = writeln!(io::stdout(), "{text}");
}
