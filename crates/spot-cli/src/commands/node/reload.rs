//! A node that reads its configuration again.

use std::collections::HashSet;

use clap::ArgMatches;
use serverlink::Node;
use tracing::{error, info, warn};

use super::log::LogControl;
use super::routes::Router;
use super::{join, load, log_hosting};
use crate::admin::AdminServer;
use crate::config::{Config, Key, Live, Settings, Value};

/// A node and what it runs by.
pub(super) struct Running {
    pub(super) node: Node,
    /// Where it listens.
    pub(super) endpoints: Vec<String>,
    pub(super) matches: ArgMatches,
    pub(super) config: Config,
    pub(super) settings: Settings,
    pub(super) log: LogControl,
    pub(super) router: Router,
    pub(super) admin: AdminServer,
}

impl Running {
    /// Reads all layers again and changes what can be changed. If anything is wrong, nothing changes.
    pub(super) fn read_again(&mut self) {
        self.log.open_again();
        match load(&self.matches) {
            Ok((config, settings)) => self.change(config, settings),
            Err(problems) => {
                for problem in problems {
                    error!("{problem}");
                }
                error!("the configuration stays as it was");
            }
        }
    }

    fn change(&mut self, mut config: Config, settings: Settings) {
        let changed = config.changed_since(&self.config);
        if changed.is_empty() {
            info!("read the configuration again: nothing has changed");
        }
        for key in changed {
            let name = key.name;
            match key.live {
                Live::AtOnce => info!(
                    "{name} has changed: {}",
                    difference(&self.config, &config, key)
                ),
                Live::NewLinks => info!(
                    "{name} has changed, for connections made from now on: {}",
                    difference(&self.config, &config, key)
                ),
                Live::Restart => {
                    warn!(
                        "{name} has changed in the configuration: start the node anew for that: {}",
                        difference(&self.config, &config, key)
                    );
                    config.keep(key, &self.config);
                }
            }
        }
        let options = settings.options.clone();
        if let Err(error) = self.node.configure(|all| *all = options) {
            error!("{error}");
        }
        self.admin.change(&settings.admin);
        self.change_peers(&settings.peers);
        // What is no longer hosted may be routed, and the other way round.
        let (old, new) = (&self.settings.topics, &settings.topics);
        let (were, are): (HashSet<_>, HashSet<_>) = (old.iter().collect(), new.iter().collect());
        self.destroy(old.iter().filter(|topic| !are.contains(topic)));
        self.router.want(settings.routes.clone());
        self.create(new.iter().filter(|topic| !were.contains(topic)));
        // Last: a quieter log is to have what this brought, too.
        self.log.set_level(settings.log.level);
        (self.config, self.settings) = (config, settings);
    }

    fn change_peers(&self, wanted: &[String]) {
        let old = &self.settings.peers;
        for endpoint in old.iter().filter(|peer| !wanted.contains(peer)) {
            match self.node.remove_peer(endpoint) {
                Ok(()) => info!("removed {endpoint}"),
                Err(error) => warn!("{error}"),
            }
        }
        let new = wanted.iter().filter(|peer| !old.contains(peer));
        if let Err(failure) = join(&self.node, &self.endpoints, new) {
            error!("{failure}");
        }
    }

    fn destroy<'a>(&self, topics: impl Iterator<Item = &'a String>) {
        for topic in topics {
            match self.node.destroy_topic(topic) {
                Ok(()) => info!("hosting {topic} no more"),
                Err(error) => warn!("{error}"),
            }
        }
    }

    fn create<'a>(&self, topics: impl Iterator<Item = &'a String>) {
        let mut hosted = Vec::new();
        for topic in topics {
            match self.node.create_topic(topic) {
                Ok(_) => hosted.push(topic),
                Err(error) => error!("{error}"),
            }
        }
        log_hosting(&hosted);
    }
}

/// As much of a value as is logged.
const MAX_SHOWN_CHARS: usize = 60;

/// What was added to a list and taken from it, or from what to what another value has changed.
fn difference(old: &Config, new: &Config, key: &Key) -> String {
    let value = |config: &Config| config.get(key.name).map(|entry| entry.value.clone());
    match (value(old), value(new)) {
        (Some(Value::List(old)), Some(Value::List(new))) => {
            let (were, are): (HashSet<_>, HashSet<_>) =
                (old.iter().collect(), new.iter().collect());
            let added = new.iter().filter(|text| !were.contains(text));
            let removed = old.iter().filter(|text| !are.contains(text));
            let added = added.map(|text| format!("+{text}"));
            let parts: Vec<_> = added
                .chain(removed.map(|text| format!("-{text}")))
                .collect();
            match parts[..] {
                [] => "another order".into(),
                _ => shortened(&parts.join(" ")),
            }
        }
        (old, new) => {
            let text = |value: Option<Value>| match value {
                Some(value) => shortened(&value.to_string()),
                None => "not set".into(),
            };
            format!("from {} to {}", text(old), text(new))
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
