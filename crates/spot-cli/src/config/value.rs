//! A value of the configuration: read from text or TOML, written as TOML.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};

use serverlink::limits;
use toml::de::{DeInteger, DeValue};

use crate::cli::value::{peer, switch};

/// Checks one text and tidies it, or says what to write instead.
pub(crate) type Check = fn(&str) -> Result<String, String>;

/// What may be written for a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// One text.
    Text(Check),
    /// Several: an array, or a text with commas.
    List(Check),
    /// On or off.
    Switch,
    /// A whole number, at least and at most these.
    Whole(u64, u64),
    /// Topics, each with the endpoints that it is routed to.
    Routes,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<String>),
    Switch(bool),
    Whole(u64),
    Routes(Vec<(String, Vec<String>)>),
}

impl Kind {
    /// Reads what a flag or a variable has.
    pub(crate) fn read_text(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text(check) => check(text).map(Value::Text),
            Self::List(_) if is_array(text) => Err(
                "no brackets and quotes here: write the entries with commas between them".into(),
            ),
            Self::List(check) => list(text.split(','), check).map(Value::List),
            Self::Switch => switch(text).map(Value::Switch),
            Self::Whole(least, most) => {
                let number = text.trim().parse().ok();
                whole(number, least, most)
            }
            Self::Routes => {
                let routes = text.split(';').map(|route| {
                    let (topic, endpoints) = route.split_once('=').ok_or(ROUTE)?;
                    self::route(topic, endpoints.split(','))
                });
                routes.collect::<Result<_, _>>().map(Value::Routes)
            }
        }
    }

    /// Reads what a file has.
    pub(crate) fn read_toml(self, value: &DeValue<'_>) -> Result<Value, String> {
        match (self, value) {
            (Self::Text(_) | Self::List(_), DeValue::String(text)) => self.read_text(text),
            (Self::List(check), DeValue::Array(entries)) => {
                let texts: Result<Vec<_>, _> = entries
                    .iter()
                    .map(|entry| {
                        entry
                            .get_ref()
                            .as_str()
                            .ok_or("write each entry as a string")
                    })
                    .collect();
                list(texts?, check).map(Value::List)
            }
            (Self::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            (Self::Whole(least, most), DeValue::Integer(number)) => {
                whole(number_of(number), least, most)
            }
            (kind, other) => Err(format!(
                "write {}; this is of type {}",
                kind.form(),
                other.type_str()
            )),
        }
    }

    /// What to write.
    fn form(self) -> &'static str {
        match self {
            Self::Text(_) => "a string, in quotes",
            Self::List(_) => "an array of strings, such as [\"one\", \"two\"]",
            Self::Switch => "true or false, without quotes",
            Self::Whole(..) => "a whole number, without quotes",
            Self::Routes => "a table of topics, such as \"a:b\" = [\"tcp://c:5555\"]",
        }
    }
}

/// Reads where a file routes a topic to.
pub(crate) fn read_route(
    topic: &str,
    endpoints: &DeValue<'_>,
) -> Result<(String, Vec<String>), String> {
    match Kind::List(peer).read_toml(endpoints)? {
        Value::List(endpoints) => route(topic, endpoints.iter().map(String::as_str)),
        _ => Err(ROUTE.into()),
    }
}

/// Whether somebody wrote a list as a file has it.
fn is_array(text: &str) -> bool {
    let text = text.trim();
    text.ends_with(']') && (text.starts_with("[\"") || text.starts_with("['"))
}

const ROUTE: &str =
    "write TOPIC=ENDPOINT, further endpoints after commas, further routes after semicolons";

fn list<'a>(texts: impl IntoIterator<Item = &'a str>, check: Check) -> Result<Vec<String>, String> {
    let (mut list, mut known) = (Vec::new(), HashSet::new());
    for text in texts {
        let text = check(text)?;
        if known.insert(text.clone()) {
            list.push(text);
        }
    }
    Ok(list)
}

fn route<'a>(
    topic: &str,
    endpoints: impl IntoIterator<Item = &'a str>,
) -> Result<(String, Vec<String>), String> {
    let topic = crate::cli::value::hosted(topic)?;
    let endpoints = list(endpoints, peer)?;
    if !(1..=limits::MAX_ENDPOINTS_PER_LIST).contains(&endpoints.len()) {
        return Err(format!(
            "topic {topic:?} has {} endpoints: write 1 to {}, the preferred one first",
            endpoints.len(),
            limits::MAX_ENDPOINTS_PER_LIST
        ));
    }
    Ok((topic, endpoints))
}

fn whole(number: Option<u64>, least: u64, most: u64) -> Result<Value, String> {
    number
        .filter(|number| (least..=most).contains(number))
        .map(Value::Whole)
        .ok_or_else(|| format!("write a whole number from {least} to {most}"))
}

fn number_of(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// As TOML. Routes stand in a table of their own, so their lines are this value's lines.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(texts) => f.write_str(&array(texts)),
            Self::Switch(on) => on.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Routes(routes) => {
                let lines: Vec<_> = routes
                    .iter()
                    .map(|(topic, endpoints)| format!("{} = {}", quoted(topic), array(endpoints)))
                    .collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

fn array(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A basic string of TOML: that of JSON, but for the one control character that JSON leaves as it is.
pub(crate) fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;
    use crate::cli::value::hosted;

    fn read_toml(kind: Kind, text: &str) -> Result<Value, String> {
        let line = format!("key = {text}");
        let table = DeTable::parse(&line).expect("TOML");
        kind.read_toml(table.get_ref().get("key").expect("there").get_ref())
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let values = [
            (
                Kind::Text(hosted),
                Value::Text("a \"b\" \\ \u{7f}\u{1}ü".into()),
            ),
            (
                Kind::List(hosted),
                Value::List(vec!["a".into(), "b".into()]),
            ),
            (Kind::List(hosted), Value::List(vec![])),
            (Kind::Switch, Value::Switch(true)),
            (Kind::Whole(0, u64::MAX), Value::Whole(64 << 20)),
        ];
        for (kind, value) in values {
            assert_eq!(read_toml(kind, &value.to_string()), Ok(value));
        }
    }

    #[test]
    fn text_and_toml_mean_the_same() {
        let list = Kind::List(hosted).read_text("a, b,a");
        assert_eq!(read_toml(Kind::List(hosted), "[\"a\", \"b\"]"), list);
    }

    #[test]
    fn a_wrong_type_or_number_is_told_with_what_to_write() {
        for (kind, text, word) in [
            (Kind::Switch, "\"true\"", "true or false, without quotes"),
            (Kind::Whole(1, 9), "\"5\"", "without quotes"),
            (Kind::Whole(1, 9), "10", "from 1 to 9"),
            (Kind::Whole(1, 9), "-1", "from 1 to 9"),
            (Kind::List(hosted), "[1]", "as a string"),
            (Kind::Text(hosted), "1.5", "in quotes"),
            (Kind::Routes, "1", "a table of topics"),
        ] {
            let error = read_toml(kind, text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
