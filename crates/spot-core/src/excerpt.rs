//! Quoting a caller's or peer's value in an error message.

/// Characters shown before the rest becomes `...`.
const SHOWN_CHARS: usize = 40;

/// `bytes` in quotes, with control characters escaped, and short enough for a log line.
pub(crate) fn excerpt(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    // A character has at most 4 bytes: look at no more of a long value than can be shown.
    let head = &bytes[..bytes.len().min(4 * (SHOWN_CHARS + 1))];
    let text = String::from_utf8_lossy(head);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("\"{}...\"", text[..end].escape_debug()),
        None => format!("\"{}\"", text.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn long_values_are_cut_and_odd_bytes_escaped() {
        assert_eq!(excerpt("a\nb"), r#""a\nb""#);
        assert_eq!(
            excerpt("x".repeat(41)),
            format!("\"{}...\"", "x".repeat(40))
        );
        assert_eq!(excerpt([b'a', 0xff]), "\"a\u{fffd}\"");
    }
}
