//! Defaults, a file, the environment, flags: what each says, and which of them holds.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::file;
use super::problem::{Problem, Source};
use super::schema::{self, KEYS, Key};
use super::value::{Kind, Value};
use crate::cli::DEFAULT_ENDPOINT;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) source: Source,
}

/// What holds of each key, after all layers.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    entries: BTreeMap<&'static str, Entry>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
}

/// The keys that have flags: with the name of the argument, which reads their variable, too.
const FLAGS: [(&str, &str, &str); 12] = [
    ("name", "name", "--name"),
    ("bind", "binds", "--bind"),
    ("peers", "peers", "--peer"),
    ("topics", "topics", "--topic"),
    ("routes", "routes", "--route"),
    ("relay", "relay", "--relay"),
    ("history", "messages", "--history"),
    ("cluster_size", "cluster_size", "--cluster-size"),
    ("discovery", "discovery", "--discovery"),
    ("minority", "minority", "--minority"),
    ("log.level", "log", "--log"),
    ("admin.address", "admin", "--admin"),
];

impl Config {
    /// Reads all layers; everything that is wrong in any of them.
    pub(crate) fn load(matches: &ArgMatches) -> Result<Self, Vec<Problem>> {
        let path = matches.get_one::<PathBuf>("config").cloned();
        let (mut entries, mut problems) = match &path {
            Some(path) => file::read(path),
            None => Default::default(),
        };
        let mut layer = |entry: Result<Option<(&'static Key, Entry)>, Problem>| match entry {
            Ok(Some((key, entry))) => drop(entries.insert(key.name, entry)),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        };
        KEYS.iter().for_each(|key| layer(variable(matches, key)));
        for (name, id, flag) in FLAGS {
            layer(argument(matches, name, id, flag));
        }
        let set = matches.get_many::<String>("set").unwrap_or_default();
        set.for_each(|text| layer(assignment(text)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut config = Self {
            entries,
            file: path,
        };
        config.add_defaults();
        Ok(config)
    }

    /// What holds of a key; `None` where that is nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The keys of which something else holds than in `other`.
    pub(crate) fn changed_since(&self, other: &Self) -> Vec<&'static Key> {
        let value =
            |config: &Self, key: &Key| config.get(key.name).map(|entry| entry.value.clone());
        let keys = KEYS.iter();
        keys.filter(|key| value(self, key) != value(other, key))
            .collect()
    }

    /// Takes back a change of a key.
    pub(crate) fn keep(&mut self, key: &Key, old: &Self) {
        match old.get(key.name) {
            Some(entry) => drop(self.entries.insert(key.name, entry.clone())),
            None => drop(self.entries.remove(key.name)),
        }
    }

    fn add_defaults(&mut self) {
        let default = |value| Entry {
            value,
            source: Source::Default,
        };
        for key in KEYS {
            if let Some(value) = key.default() {
                self.entries
                    .entry(key.name)
                    .or_insert_with(|| default(value));
            }
        }
        let has_peers =
            matches!(&self.entries["peers"].value, Value::List(peers) if !peers.is_empty());
        let binds = if has_peers {
            vec![]
        } else {
            vec![DEFAULT_ENDPOINT.to_owned()]
        };
        self.entries
            .entry("bind")
            .or_insert_with(|| default(Value::List(binds)));
    }
}

type Read = Result<Option<(&'static Key, Entry)>, Problem>;

/// What the environment says of a key, unless its flag stands for that. An empty variable counts as not set.
fn variable(matches: &ArgMatches, key: &'static Key) -> Read {
    let name = key.variable();
    let flag = FLAGS.iter().find(|(flagged, ..)| *flagged == key.name);
    let source = flag.and_then(|(_, id, _)| matches.value_source(id));
    if matches!(
        source,
        Some(ValueSource::CommandLine | ValueSource::EnvVariable)
    ) {
        return Ok(None);
    }
    let text = match env::var_os(&name) {
        Some(text) if !text.is_empty() => text.to_string_lossy().into_owned(),
        _ => return Ok(None),
    };
    let source = Source::Variable(name);
    match (key.kind.read_text(&text), flag) {
        (Ok(value), _) => Ok(Some((key, Entry { value, source }))),
        (Err(remedy), None) => Err(Problem::wrong(&source, key.name, &text, remedy)),
        (Err(remedy), Some((.., flag))) => {
            let remedy = format!("{remedy}, or give {flag}, which wins over it");
            Err(Problem::wrong(&source, key.name, &text, remedy))
        }
    }
}

/// Whether this is the variable of a key, and cannot be read.
pub(crate) fn is_wrong(variable: &str, text: &str) -> bool {
    let key = KEYS.iter().find(|key| key.variable() == variable);
    key.is_some_and(|key| key.kind.read_text(text).is_err())
}

/// What a flag, or the variable that stands for it, says.
fn argument(matches: &ArgMatches, name: &str, id: &str, flag: &'static str) -> Read {
    let key = schema::find(name).expect("the table has it");
    let source = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Source::Flag(flag),
        Some(ValueSource::EnvVariable) => Source::Variable(key.variable()),
        _ => return Ok(None),
    };
    let texts: Vec<_> = matches
        .get_raw(id)
        .unwrap_or_default()
        .map(|text| text.to_string_lossy())
        .collect();
    let separator = if matches!(key.kind, Kind::Routes) {
        ";"
    } else {
        ","
    };
    read(key, source, &texts.join(separator)).map(Some)
}

/// What `--set KEY=VALUE` says.
fn assignment(text: &str) -> Read {
    let source = Source::Flag("--set");
    let Some((name, value)) = text.split_once('=') else {
        return Err(Problem::at(
            &source,
            text,
            "write KEY=VALUE, such as tcp.nodelay=false",
        ));
    };
    let Some(key) = schema::find(name) else {
        return Err(Problem::at(&source, name, schema::unknown(name)));
    };
    read(key, source, value).map(Some)
}

fn read(key: &'static Key, source: Source, text: &str) -> Result<(&'static Key, Entry), Problem> {
    match key.kind.read_text(text) {
        Ok(value) => Ok((key, Entry { value, source })),
        Err(remedy) => Err(Problem::wrong(&source, key.name, text, remedy)),
    }
}
