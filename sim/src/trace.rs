//! What happened, as text for those who replay a world, and as a hash that tells worlds apart.

use std::fmt::{self, Write};

/// The trace of a world.
#[derive(Debug)]
pub(crate) struct Trace {
    prints: bool,
    hash: Hash,
}

/// FNV-1a 64.
#[derive(Debug)]
struct Hash(u64);

impl Trace {
    pub(crate) fn new(prints: bool) -> Self {
        Self {
            prints,
            hash: Hash(0xcbf2_9ce4_8422_2325),
        }
    }

    pub(crate) fn note(&mut self, now_ms: u64, what: fmt::Arguments<'_>) {
        writeln!(self.hash, "{now_ms} {what}").expect("a hash takes everything");
        if self.prints {
            println!("{now_ms:>6} {what}");
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.0
    }
}

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}
