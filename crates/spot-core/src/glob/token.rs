//! What a compiled pattern consists of.

/// Matches one byte, or for `Star` any run of them.
#[derive(Debug, Clone)]
pub(super) enum Token {
    Byte(u8),
    AnyByte,
    Set(Box<ByteSet>),
    Star,
}

impl Token {
    pub(super) fn accepts(&self, byte: u8) -> bool {
        match self {
            Self::Byte(literal) => *literal == byte,
            Self::AnyByte => true,
            Self::Set(set) => set.contains(byte),
            Self::Star => false,
        }
    }

    pub(super) fn literal(&self) -> Option<u8> {
        match self {
            Self::Byte(byte) => Some(*byte),
            _ => None,
        }
    }
}

/// The bytes of a set, a bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte / 64)] |= 1 << (byte % 64);
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] & 1 << (byte % 64) != 0
    }

    pub(super) fn complement(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}
