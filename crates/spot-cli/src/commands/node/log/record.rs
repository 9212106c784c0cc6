//! A line of the log before it has a form.

use std::fmt::Debug;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Fields that many lines have, in the order in which they are written.
const FIELDS: [&str; 5] = ["node", "event", "peer", "topic", "reason"];

/// A line of the log before it has a form.
pub(super) struct Record {
    pub(super) level: Level,
    /// The module it comes from; none where it is this program.
    pub(super) target: Option<&'static str>,
    pub(super) message: String,
    /// Those of [`FIELDS`] first.
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Record {
    pub(super) fn of(event: &Event<'_>, node: Option<&str>) -> Self {
        let metadata = event.metadata();
        let is_ours = metadata.target().split("::").next() == Some("spot");
        let mut record = Self {
            level: *metadata.level(),
            target: (!is_ours).then(|| metadata.target()),
            message: String::new(),
            fields: Vec::new(),
        };
        if let Some(node) = node {
            record.fields.push(("node", node.into()));
        }
        event.record(&mut record);
        let place = |(name, _): &(&str, Value)| {
            let known = FIELDS.iter().position(|known| known == name);
            known.unwrap_or(FIELDS.len())
        };
        record.fields.sort_by_key(place);
        record
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", value) => self.message = value.to_string(),
            // Told for all lines; the library's own may say less.
            ("node", _) if self.fields.first().is_some_and(|(name, _)| *name == "node") => {}
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}
