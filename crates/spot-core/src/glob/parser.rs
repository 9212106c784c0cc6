//! From the text of a pattern to its tokens.

use super::PatternError;
use super::token::{ByteSet, Token};
use crate::excerpt::excerpt;

/// The tokens of `pattern`, with a run of stars as one.
pub(super) fn parse(pattern: &str) -> Result<Vec<Token>, PatternError> {
    Parser { pattern, at: 0 }.tokens()
}

struct Parser<'a> {
    pattern: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn tokens(mut self) -> Result<Vec<Token>, PatternError> {
        let mut tokens = Vec::with_capacity(self.pattern.len());
        while let Some(byte) = self.next() {
            let token = match byte {
                b'*' if matches!(tokens.last(), Some(Token::Star)) => continue,
                b'*' => Token::Star,
                b'?' => Token::AnyByte,
                b'[' => Token::Set(Box::new(self.set()?)),
                b'\\' => Token::Byte(self.escaped()?),
                literal => Token::Byte(literal),
            };
            tokens.push(token);
        }
        Ok(tokens)
    }

    /// The set whose `[` was just read.
    fn set(&mut self) -> Result<ByteSet, PatternError> {
        let negated = matches!(self.peek(), Some(b'!' | b'^'));
        self.at += usize::from(negated);
        let mut set = ByteSet::default();
        let first = self.at;
        while self.peek() != Some(b']') || self.at == first {
            let low = self.member()?;
            let high = if self.is_range() {
                self.at += 1;
                self.member()?
            } else {
                low
            };
            if low > high {
                let range = format!("{}-{}", char::from(low), char::from(high));
                return Err(PatternError::ReversedRange {
                    pattern: excerpt(self.pattern),
                    range,
                });
            }
            (low..=high).for_each(|byte| set.insert(byte));
        }
        self.at += 1;
        Ok(if negated { set.complement() } else { set })
    }

    /// One member of a set, or an end of a range in it.
    fn member(&mut self) -> Result<u8, PatternError> {
        let byte = match self.next() {
            None => {
                return Err(PatternError::UnclosedSet {
                    pattern: excerpt(self.pattern),
                });
            }
            Some(b'\\') => self.escaped()?,
            Some(byte) => byte,
        };
        if byte.is_ascii() {
            Ok(byte)
        } else {
            Err(PatternError::NonAsciiInSet {
                pattern: excerpt(self.pattern),
            })
        }
    }

    /// Whether a `-` comes next that is not the last of its set.
    fn is_range(&self) -> bool {
        matches!(&self.pattern.as_bytes()[self.at..], [b'-', after, ..] if *after != b']')
    }

    fn escaped(&mut self) -> Result<u8, PatternError> {
        self.next().ok_or_else(|| PatternError::TrailingEscape {
            pattern: excerpt(self.pattern),
        })
    }

    fn peek(&self) -> Option<u8> {
        self.pattern.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}
