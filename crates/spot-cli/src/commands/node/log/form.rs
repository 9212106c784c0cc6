//! How a line of the log is written.

use std::process;

use serde_json::{Map, Value};
use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::record::Record;
use crate::text::harmless;

/// What this program calls itself towards those who collect logs.
const IDENTIFIER: &str = "spot";

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// The same on a terminal that has colours.
    Colours,
    /// One object a line.
    Json,
    /// The fields of journald's native protocol.
    Journal,
    /// What `syslog(3)` sends, with the message for people.
    Syslog,
    /// The same, with the message as an object.
    SyslogJson,
}

impl Form {
    /// The line, with its end where it is one of a file.
    pub(super) fn write(self, record: &Record) -> Vec<u8> {
        match self {
            Self::Text => format!("{} {:>5} {}\n", now(), record.level, sentence(record)).into(),
            Self::Colours => coloured(record).into(),
            Self::Json => format!("{}\n", object(record)).into(),
            Self::Journal => journal(record),
            Self::Syslog => syslog(record, &sentence(record)),
            Self::SyslogJson => syslog(record, &object(record).to_string()),
        }
    }
}

fn now() -> String {
    let mut now = String::new();
    // A text has room.
    let _ = SystemTime.format_time(&mut Writer::new(&mut now));
    now
}

fn coloured(record: &Record) -> String {
    let colour = match record.level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    };
    let (level, sentence) = (record.level, sentence(record));
    format!(
        "\x1b[2m{}\x1b[0m \x1b[{colour}m{level:>5}\x1b[0m {sentence}\n",
        now()
    )
}

/// The message, which of this program's own lines says all, and what the fields of others add. Peers choose names and topics, which are not to act on a terminal.
fn sentence(record: &Record) -> String {
    let mut text = record.message.clone();
    let fields = record.target.map(|_| record.fields.iter());
    for (name, value) in fields.into_iter().flatten() {
        text += &match value {
            Value::String(value) => format!(" {name}={value:?}"),
            value => format!(" {name}={value}"),
        };
    }
    harmless(&text)
}

fn object(record: &Record) -> Value {
    let mut object = Map::new();
    object.insert("timestamp".into(), now().into());
    object.insert("level".into(), record.level.as_str().into());
    if let Some(target) = record.target {
        object.insert("target".into(), target.into());
    }
    object.insert("message".into(), record.message.as_str().into());
    let fields = record.fields.iter();
    object.extend(fields.map(|(name, value)| ((*name).into(), value.clone())));
    Value::Object(object)
}

/// `man systemd.journal-fields`, and for the protocol <https://systemd.io/JOURNAL_NATIVE_PROTOCOL>.
fn journal(record: &Record) -> Vec<u8> {
    let mut entry = Vec::new();
    let mut put = |name: &str, value: &str| {
        entry.extend(name.bytes());
        if value.contains('\n') {
            entry.push(b'\n');
            entry.extend((value.len() as u64).to_le_bytes());
        } else {
            entry.push(b'=');
        }
        entry.extend(value.bytes());
        entry.push(b'\n');
    };
    put("MESSAGE", &sentence(record));
    put("PRIORITY", &severity(record.level).to_string());
    put("SYSLOG_IDENTIFIER", IDENTIFIER);
    for (name, value) in &record.fields {
        let name = format!("SPOT_{}", name.to_uppercase().replace('.', "_"));
        match value {
            Value::String(text) => put(&name, text),
            value => put(&name, &value.to_string()),
        }
    }
    entry
}

/// What `syslog(3)` sends, but for the time: that of the daemon's own clock holds, in its own time zone.
fn syslog(record: &Record, message: &str) -> Vec<u8> {
    const DAEMON: u8 = 3;
    let priority = DAEMON * 8 + severity(record.level);
    format!("<{priority}>{IDENTIFIER}[{}]: {message}", process::id()).into()
}

/// As syslog numbers them.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Record {
        Record {
            level: Level::WARN,
            target: None,
            message: "peer b lost".into(),
            fields: vec![
                ("node", "a".into()),
                ("peer", "b\u{1b}\n".into()),
                ("count", 3.into()),
            ],
        }
    }

    fn text(form: Form, record: &Record) -> String {
        String::from_utf8(form.write(record)).expect("UTF-8")
    }

    #[test]
    fn people_read_the_message_and_of_others_the_fields() {
        let line = text(Form::Text, &record());
        assert!(line.ends_with("  WARN peer b lost\n"), "{line}");
        let mut of_library = record();
        of_library.target = Some("serverlink");
        let line = text(Form::Text, &of_library);
        assert!(
            line.ends_with(" peer b lost node=\"a\" peer=\"b\\u{1b}\\n\" count=3\n"),
            "{line:?}"
        );
        assert!(text(Form::Colours, &record()).contains("\x1b[33m WARN\x1b[0m peer b lost"));
    }

    #[test]
    fn programs_read_an_object_a_line() {
        let line = text(Form::Json, &record());
        assert_eq!(line.lines().count(), 1, "{line}");
        let mut object: Value = serde_json::from_str(&line).unwrap();
        assert!(
            object["timestamp"]
                .take()
                .as_str()
                .is_some_and(|time| time.ends_with('Z'))
        );
        let expected = json!({
            "timestamp": null, "level": "WARN", "message": "peer b lost", "node": "a", "peer": "b\u{1b}\n", "count": 3,
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn journald_gets_fields_of_any_bytes() {
        let entry = text(Form::Journal, &record());
        let expected = "MESSAGE=peer b lost\nPRIORITY=4\nSYSLOG_IDENTIFIER=spot\nSPOT_NODE=a\n\
            SPOT_PEER\n\x03\0\0\0\0\0\0\0b\x1b\n\nSPOT_COUNT=3\n";
        assert_eq!(entry, expected);
    }

    #[test]
    fn syslog_gets_a_priority_and_who_it_is() {
        let pid = process::id();
        let sent = text(Form::Syslog, &record());
        assert_eq!(sent, format!("<28>spot[{pid}]: peer b lost"));
        let sent = text(Form::SyslogJson, &record());
        assert!(
            sent.starts_with(&format!("<28>spot[{pid}]: {{\"timestamp\":")),
            "{sent}"
        );
    }
}
