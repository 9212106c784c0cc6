//! A node that reads its configuration again.

use clap::ArgMatches;
use serverlink::Node;
use tracing::{error, info, warn};

use super::log::LogControl;
use super::routes::Router;
use super::{join, load};
use crate::admin::AdminServer;
use crate::config::{Config, Live, Settings};

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
        // First, so that what follows is logged as is wanted from now on.
        self.log.set_level(settings.log.level);
        let changed = config.changed_since(&self.config);
        if changed.is_empty() {
            info!("read the configuration again: nothing has changed");
        }
        for key in changed {
            let name = key.name;
            match key.live {
                Live::AtOnce => info!("{name} has changed"),
                Live::NewLinks => info!("{name} has changed, for connections made from now on"),
                Live::Restart => {
                    warn!("{name} has changed in the configuration: start the node anew for that");
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
        self.destroy(old.iter().filter(|topic| !new.contains(topic)));
        self.router.want(settings.routes.clone());
        self.create(new.iter().filter(|topic| !old.contains(topic)));
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
        for topic in topics {
            match self.node.create_topic(topic) {
                Ok(_) => info!("hosting {topic}"),
                Err(error) => error!("{error}"),
            }
        }
    }
}
