//! A configuration file, every key with its line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::layers::Entry;
use super::problem::{Problem, Source};
use super::schema::{self, KEYS, Key};
use super::value::{Kind, Value, quoted, read_route};

/// The largest file that is read: far more than all topics and peers of a node take.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads a file: what it says, and all that is wrong with it.
pub(crate) fn read(path: &Path) -> (BTreeMap<&'static str, Entry>, Vec<Problem>) {
    let text = match text_of(path) {
        Ok(text) => text,
        Err(error) => {
            let text = format!(
                "cannot read {}: {error}; make it readable, or name another file with --config or SPOT_CONFIG",
                path.display()
            );
            return (BTreeMap::new(), vec![Problem::unreadable(text)]);
        }
    };
    let mut reader = Reader {
        path: path.into(),
        text: &text,
        entries: BTreeMap::new(),
        problems: Vec::new(),
    };
    match DeTable::parse(&text) {
        Ok(table) => reader.root(table.get_ref()),
        Err(error) => {
            let source = reader.source(&error.span().unwrap_or_default());
            let message = error.message().replace('\n', ", ");
            let remedy = format!("{message}; see https://toml.io for how TOML is written");
            reader
                .problems
                .push(Problem::at(&source, "not TOML", remedy));
        }
    }
    let mut problems = reader.problems;
    problems.sort_by_key(Problem::line);
    (reader.entries, problems)
}

fn text_of(path: &Path) -> io::Result<String> {
    // A device tells no length, and may have no end.
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "it has more than {MAX_FILE_BYTES} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

struct Reader<'t> {
    path: Arc<Path>,
    text: &'t str,
    entries: BTreeMap<&'static str, Entry>,
    problems: Vec<Problem>,
}

type Name<'t> = Spanned<DeString<'t>>;

impl<'t> Reader<'t> {
    fn root(&mut self, table: &DeTable<'t>) {
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            match (schema::find(text), value.get_ref()) {
                (Some(key), _) => self.entry(key, name, value),
                (None, DeValue::Table(inner)) if is_table(text) => self.table(text, inner),
                (None, _) if is_table(text) => self.not_a_table(name, value),
                (None, _) => self.unknown(text, name),
            }
        }
    }

    fn table(&mut self, table: &str, inner: &DeTable<'t>) {
        for (name, value) in inner {
            let full = format!("{table}.{}", name.get_ref());
            match schema::find(&full) {
                Some(key) => self.entry(key, name, value),
                None => self.unknown(&full, name),
            }
        }
    }

    fn entry(&mut self, key: &'static Key, name: &Name<'t>, value: &Spanned<DeValue<'t>>) {
        let source = self.source(&name.span());
        let read = match (key.kind, value.get_ref()) {
            (Kind::Routes, DeValue::Table(routes)) => Ok(Value::Routes(self.routes(routes))),
            (kind, value) => kind.read_toml(value),
        };
        match read {
            Ok(value) => {
                self.entries.insert(key.name, Entry { value, source });
            }
            Err(remedy) => self.wrong(key.name, name, value, remedy),
        }
    }

    fn routes(&mut self, table: &DeTable<'t>) -> Vec<(String, Vec<String>)> {
        let mut routes = Vec::new();
        for (topic, endpoints) in table {
            match read_route(topic.get_ref(), endpoints.get_ref()) {
                Ok(route) => routes.push(route),
                Err(remedy) => {
                    let name = format!("routes.{}", quoted(topic.get_ref()));
                    self.wrong(&name, topic, endpoints, remedy);
                }
            }
        }
        routes
    }

    fn wrong(
        &mut self,
        shown: &str,
        name: &Name<'t>,
        value: &Spanned<DeValue<'t>>,
        remedy: String,
    ) {
        let text = self.text.get(value.span()).unwrap_or_default();
        let source = self.source(&name.span());
        self.problems
            .push(Problem::wrong(&source, shown, text, remedy));
    }

    fn unknown(&mut self, full: &str, name: &Name<'t>) {
        let source = self.source(&name.span());
        self.problems
            .push(Problem::at(&source, full, schema::unknown(full)));
    }

    fn not_a_table(&mut self, name: &Name<'t>, value: &Spanned<DeValue<'t>>) {
        let table = name.get_ref();
        let keys = KEYS.iter().filter_map(|key| key.name.split_once('.'));
        let inner: Vec<_> = keys
            .filter(|(of, _)| of == table)
            .map(|(_, key)| key)
            .collect();
        let remedy = format!(
            "this is a table: write [{table}], and below it {}",
            inner.join(", ")
        );
        self.wrong(table, name, value, remedy);
    }

    fn source(&self, span: &Range<usize>) -> Source {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Source::File(Arc::clone(&self.path), line)
    }
}

fn is_table(name: &str) -> bool {
    let mut tables = KEYS.iter().filter_map(|key| key.name.split_once('.'));
    tables.any(|(table, _)| table == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_took_all_memory() {
        let refused = text_of(Path::new("/dev/zero")).unwrap_err();
        assert!(refused.to_string().contains("more than"), "{refused}");
    }
}
