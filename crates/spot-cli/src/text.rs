//! Text for people: what others sent made harmless, times and counts as words.

use std::time::Duration;

/// What others sent, on one line and without effect on a terminal. Reads back unambiguously: a backslash is `\\`; tab,
/// newline and carriage return are `\t`, `\n` and `\r`; each byte of any other character that is not printed, and of
/// what is not UTF-8, is of the form `\x1b`.
pub(crate) fn printable(data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len());
    for chunk in data.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str(r"\\"),
                _ => push_harmless(&mut text, character),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut text, *byte);
        }
    }
    text
}

/// A sentence of ours that may quote what others sent. As [`printable`], but a backslash stays: it may be part of a
/// quotation that is escaped already.
pub(crate) fn harmless(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    for character in sentence.chars() {
        push_harmless(&mut text, character);
    }
    text
}

fn push_harmless(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str(r"\n"),
        '\r' => text.push_str(r"\r"),
        '\t' => text.push_str(r"\t"),
        _ if acts_on_a_terminal(character) => {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                push_byte(text, byte);
            }
        }
        _ => text.push(character),
    }
}

fn push_byte(text: &mut String, byte: u8) {
    text.push_str(&format!("\\x{byte:02x}"));
}

/// Control characters, among them CSI as one character; line ends of Unicode; what reorders the text around it.
fn acts_on_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A length of time: `250 ms`, `5 s`, `2.5 s`.
pub(crate) fn duration(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_secs_f64() * 1000.0)
    } else {
        format!("{} s", duration.as_secs_f64())
    }
}

/// `1 message`, `2 messages`; `noun` is the singular.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// A number with a comma after each thousand.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stays_on_its_line_and_sends_no_terminal_codes() {
        assert_eq!(printable("21.5 °C".as_bytes()), "21.5 °C");
        assert_eq!(printable(b"a\nb\r\t\0"), r"a\nb\r\t\x00");
        assert_eq!(printable(b"\x1b[31m\x7f"), r"\x1b[31m\x7f");
        assert_eq!(printable(b"a\xff\xfeb"), r"a\xff\xfeb");
        assert_eq!(printable(b""), "");
    }

    #[test]
    fn a_backslash_is_not_taken_for_an_escape() {
        assert_eq!(printable(br"C:\new"), r"C:\\new");
        assert_eq!(printable(br"\xff"), r"\\xff");
    }

    #[test]
    fn control_characters_of_unicode_are_shown_as_their_bytes() {
        assert_eq!(printable("\u{9b}31m".as_bytes()), r"\xc2\x9b31m");
        assert_eq!(
            printable("a\u{202e}b\u{2069}".as_bytes()),
            r"a\xe2\x80\xaeb\xe2\x81\xa9"
        );
        assert_eq!(printable("\u{2028}".as_bytes()), r"\xe2\x80\xa8");
    }

    #[test]
    fn a_sentence_keeps_what_is_escaped_already() {
        assert_eq!(harmless("no \"a\\n\" \u{1b}"), r#"no "a\n" \x1b"#);
    }

    #[test]
    fn times_and_counts_read_as_people_write_them() {
        let ms = |ms| duration(Duration::from_millis(ms));
        assert_eq!([ms(0), ms(250), ms(2500)], ["0 ms", "250 ms", "2.5 s"]);
        assert_eq!(ms(5000), "5 s");
        assert_eq!(duration(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(counted(0, "message"), "0 messages");
        assert_eq!(counted(1, "message"), "1 message");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let numbers = [0, 999, 1000, 12_345, 1_234_567];
        assert_eq!(
            numbers.map(grouped),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
    }
}
