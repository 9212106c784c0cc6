//! Patterns over whole topic names.
//!
//! | In a pattern      | matches                                              |
//! |-------------------|------------------------------------------------------|
//! | `*`               | any run of bytes, also none, also across `:`         |
//! | `?`               | exactly one byte                                     |
//! | `[a-z_]`          | one byte of the set                                  |
//! | `[!a-z]` `[^a-z]` | one byte outside the set                             |
//! | `\x`              | the character `x` itself, also inside a set          |
//! | anything else     | itself                                               |
//!
//! The unit is the byte, for `?` and sets as for `*`: it needs no decoding, so a name is matched at
//! memory speed. A character outside ASCII is written literally or skipped with `*`; in a set it is
//! refused, since a byte could only match a part of it. As in a shell, a `]` that comes first in a
//! set belongs to it, and so does a `-` that comes first or last.

mod error;
mod parser;
mod token;

pub use error::PatternError;

use crate::excerpt::excerpt;
use crate::limits::MAX_PATTERN_BYTES;
use std::hash::{Hash, Hasher};
use token::Token;

/// A compiled pattern. Two are equal when their texts are.
#[derive(Debug, Clone)]
pub struct Glob {
    text: Box<str>,
    /// The literal bytes before the first wildcard: most names are turned away by comparing these.
    prefix: Box<[u8]>,
    /// What follows. Empty for a pattern without wildcards, one `Star` for `prefix*`.
    rest: Box<[Token]>,
}

impl Glob {
    /// Compiles `pattern`, 1 to [`MAX_PATTERN_BYTES`] bytes.
    ///
    /// # Errors
    /// [`PatternError`] names what is malformed.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        if pattern.is_empty() {
            return Err(PatternError::Empty);
        }
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong {
                pattern: excerpt(pattern),
                bytes: pattern.len(),
            });
        }
        if pattern.contains('\0') {
            return Err(PatternError::ContainsNul {
                pattern: excerpt(pattern),
            });
        }
        let tokens = parser::parse(pattern)?;
        let prefix: Box<[u8]> = tokens.iter().map_while(Token::literal).collect();
        let rest = tokens[prefix.len()..].into();
        Ok(Self {
            text: pattern.into(),
            prefix,
            rest,
        })
    }

    /// Whether the whole of `name` matches. At most pattern length x name length steps.
    pub fn matches(&self, name: &str) -> bool {
        match (name.as_bytes().strip_prefix(&*self.prefix), &*self.rest) {
            (None, _) => false,
            (Some(tail), []) => tail.is_empty(),
            (Some(_), [Token::Star]) => true,
            (Some(tail), rest) => matches_tokens(rest, tail),
        }
    }

    /// The pattern as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes, without escapes, that every matching name begins with; empty if there are none.
    pub fn literal_prefix(&self) -> &[u8] {
        &self.prefix
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl Hash for Glob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// On a mismatch only the last `*` needs to take one byte more: whatever an earlier one could gain,
/// the last gains too. That makes it a loop with one resume point instead of an exponential search.
fn matches_tokens(tokens: &[Token], name: &[u8]) -> bool {
    let (mut token, mut byte) = (0, 0);
    let mut resume = None;
    while byte < name.len() {
        match tokens.get(token) {
            Some(Token::Star) => {
                token += 1;
                resume = Some((token, byte));
            }
            Some(one) if one.accepts(name[byte]) => {
                token += 1;
                byte += 1;
            }
            _ => match resume {
                None => return false,
                Some((after_star, start)) => {
                    (token, byte) = (after_star, start + 1);
                    resume = Some((token, byte));
                }
            },
        }
    }
    tokens[token..]
        .iter()
        .all(|rest| matches!(rest, Token::Star))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn wildcards() {
        assert!(matches("*", "anything") && matches("***", ""));
        assert!(
            matches("chat:*", "chat:")
                && matches("chat:*", "chat:a:b")
                && !matches("chat:*", "chat")
        );
        assert!(
            matches("source*:data", "source17:data") && !matches("source*:data", "source17:data2")
        );
        assert!(matches("a?c", "abc") && !matches("a?c", "ac") && !matches("a?c", "abbc"));
        assert!(matches("?", "x") && !matches("?", "é") && matches("??", "é"));
        assert!(
            matches("온*", "온도") && matches("plain", "plain") && !matches("plain", "plainer")
        );
    }

    #[test]
    fn sets() {
        assert!(matches("n[0-9]", "n7") && !matches("n[0-9]", "nx") && !matches("n[0-9]", "n"));
        assert!(matches("[!0-9]", "x") && !matches("[^0-9]", "5"));
        assert!(matches("[]]", "]") && matches("[!]]", "x") && !matches("[!]]", "]"));
        assert!(matches("[-a]", "-") && matches("[a-]", "-") && matches("[+--]", ","));
        assert!(
            matches(r"[\]\-\\]", "]") && matches(r"[\]\-\\]", "-") && matches(r"[\]\-\\]", "\\")
        );
        assert!(matches("]", "]") && matches("a]b", "a]b"));
    }

    #[test]
    fn escapes() {
        assert!(matches(r"\*\?\[\\", r"*?[\") && !matches(r"\*", "x"));
        assert!(matches(r"\é", "é"));
    }

    #[test]
    fn literal_prefix_has_no_escapes() {
        for (pattern, prefix) in [
            ("*", ""),
            ("a:b", "a:b"),
            ("a:*", "a:"),
            (r"a\*b?", "a*b"),
            ("x[a]", "x"),
        ] {
            assert_eq!(
                Glob::new(pattern).unwrap().literal_prefix(),
                prefix.as_bytes()
            );
        }
    }

    #[test]
    fn malformed_patterns() {
        let error = |pattern: &str| Glob::new(pattern).unwrap_err();
        assert_eq!(error(""), PatternError::Empty);
        assert!(matches!(
            error(&"*".repeat(256)),
            PatternError::TooLong { bytes: 256, .. }
        ));
        assert!(matches!(error("a\0"), PatternError::ContainsNul { .. }));
        for unclosed in ["[", "[]", "[!", "[a-", "[a-z", "x[!]"] {
            assert!(
                matches!(error(unclosed), PatternError::UnclosedSet { .. }),
                "{unclosed}"
            );
        }
        assert!(
            matches!(error("[z-a]"), PatternError::ReversedRange { range, .. } if range == "z-a")
        );
        assert!(matches!(error("[é]"), PatternError::NonAsciiInSet { .. }));
        assert!(matches!(error("a\\"), PatternError::TrailingEscape { .. }));
        assert!(matches!(error("[\\"), PatternError::TrailingEscape { .. }));
    }

    #[test]
    fn many_stars_stay_polynomial() {
        // An exponential matcher would not come back from this one.
        let pattern = "*a".repeat(100) + "b";
        assert!(!matches(&pattern, &"a".repeat(255)));
    }

    /// The definition, as short as it can be said: exponential, but plainly right.
    fn naive(tokens: &[Token], name: &[u8]) -> bool {
        match tokens.split_first() {
            None => name.is_empty(),
            Some((Token::Star, rest)) => (0..=name.len()).any(|taken| naive(rest, &name[taken..])),
            Some((one, rest)) => {
                name.first().is_some_and(|&byte| one.accepts(byte)) && naive(rest, &name[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in r"([ab]|\*|\?|\[ab\]|\[!a\]){1,10}", name in "[abc]{0,12}") {
            let tokens = parser::parse(&pattern).unwrap();
            prop_assert_eq!(matches(&pattern, &name), naive(&tokens, name.as_bytes()));
        }

        #[test]
        fn any_text_compiles_or_is_refused(pattern in r"[ab\[\]\\*?!^é-]{0,20}", name in "[abé]{0,9}") {
            if let Ok(glob) = Glob::new(&pattern) {
                let starts_so = name.as_bytes().starts_with(glob.literal_prefix());
                prop_assert!(!glob.matches(&name) || starts_so);
            }
        }

        #[test]
        fn an_escaped_name_matches_itself_alone(name in "[^\0]{1,20}", other in ".{1,20}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&escaped, &name));
            prop_assert_eq!(matches(&escaped, &other), name == other);
        }
    }
}
