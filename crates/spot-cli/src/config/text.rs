//! The configuration as a file.

use super::layers::{Config, Entry};
use super::problem::Source;
use super::schema::{KEYS, Key};
use super::value::{Kind, Value};
use crate::text::harmless;

/// Where the comments begin, if the value leaves room.
const COMMENT_COLUMN: usize = 44;

impl Config {
    /// All that holds, as TOML that means the same again; a comment tells where each value came from.
    pub(crate) fn to_toml(&self) -> Vec<String> {
        let mut lines =
            vec!["# The configuration in effect, each value with where it came from.".to_owned()];
        let mut table = "";
        for key in KEYS {
            let entry = self.get(key.name);
            if matches!(key.kind, Kind::Routes) {
                lines.extend(entry.into_iter().flat_map(routes));
                continue;
            }
            let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if of != table {
                table = of;
                lines.extend([String::new(), format!("[{table}]")]);
            }
            lines.push(match entry {
                Some(Entry { value, source }) => {
                    commented(&format!("{name} = {value}"), &told(source, key))
                }
                None => commented(&format!("# {name} is not set"), key.about),
            });
        }
        lines
    }
}

fn routes(entry: &Entry) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        commented("[routes]", &entry.source.to_string()),
    ];
    if let routes @ Value::Routes(_) = &entry.value {
        lines.extend(routes.to_string().lines().map(str::to_owned));
    }
    lines
}

fn told(source: &Source, key: &Key) -> String {
    match source {
        Source::Default => format!("{source}: {}", key.about),
        _ => source.to_string(),
    }
}

fn commented(text: &str, comment: &str) -> String {
    format!("{text:COMMENT_COLUMN$} # {}", harmless(comment))
}
