//! `spot node`: a node that runs until it is told to stop.

mod log;
mod notify;
mod reload;
mod routes;
mod told;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clap::ArgMatches;
use serverlink::{AddPeerError, Event, Events, Node, PeerState};
use tracing::{debug, info};

use crate::admin::{self, AdminServer};
use crate::cli::NodeArgs;
use crate::config::{Config, Problem, Settings};
use crate::failure::Failure;
use crate::interrupt::{self, FOREVER};
use crate::output::Output;
use reload::Running;
use routes::Router;

/// Endpoints out of reach that are remembered: as many as a cluster of members that come and go may leave behind.
const MAX_FAILING: usize = 4096;

pub(crate) fn run(args: &NodeArgs, matches: ArgMatches) -> Result<(), Failure> {
    let loaded = load(&matches);
    if args.check_config {
        return check(loaded);
    }
    let (config, settings) = loaded.map_err(|problems| Problem::failure(&problems))?;
    if args.print_config {
        return print(&config);
    }
    let log = log::start(&settings.log)?;
    let listener = admin::listen(&settings.admin)?;
    let node = start(&settings)?;
    let running = Arc::new(Mutex::new(None));
    // A hang-up waits until the node runs.
    let mut starting = running.lock().unwrap_or_else(PoisonError::into_inner);
    handle_signals(&node, &config, &running)?;
    let events = node.events();
    let endpoints = listen(&node, &settings.binds)?;
    join(&node, &settings.peers)?;
    let router = Router::start(node.clone());
    router.want(settings.routes.clone());
    let name = settings.name.clone();
    let admin = AdminServer::start(listener, &settings.admin, &node, name, endpoints)?;
    *starting = Some(Running {
        node: node.clone(),
        matches,
        config,
        settings,
        log,
        router,
        admin,
    });
    notify::ready();
    drop(starting);
    follow(&node, &events);
    // Returns when the close that the signal began is done.
    node.close();
    info!("stopped");
    Ok(())
}

/// Reads the configuration; everything that is wrong with it.
fn load(matches: &ArgMatches) -> Result<(Config, Settings), Vec<Problem>> {
    let config = Config::load(matches)?;
    let settings = Settings::of(&config)?;
    Ok((config, settings))
}

fn check(loaded: Result<(Config, Settings), Vec<Problem>>) -> Result<(), Failure> {
    match loaded {
        Ok(_) => {
            let mut output = Output::new();
            output.line("the configuration is right")?;
            output.flush()
        }
        Err(problems) => Err(Failure::Config {
            is_usage: false,
            lines: problems.iter().map(ToString::to_string).collect(),
        }),
    }
}

fn print(config: &Config) -> Result<(), Failure> {
    let mut output = Output::new();
    for line in config.to_toml() {
        output.line(&line)?;
    }
    output.flush()
}

fn start(settings: &Settings) -> Result<Node, Failure> {
    let options = settings.options.clone();
    let mut builder = Node::builder().options(|all| *all = options);
    if let Some(name) = &settings.name {
        builder = builder.name(name);
    }
    for topic in &settings.topics {
        builder = builder.topic(topic);
    }
    let node = builder.start()?;
    info!("node {} started", node.id());
    if settings.options.relay {
        info!("relaying between the nodes that link to this one");
    }
    for topic in &settings.topics {
        info!("hosting {topic}");
    }
    Ok(node)
}

/// The first signal to end closes the node. With a file a hang-up makes it read that again.
fn handle_signals(
    node: &Node,
    config: &Config,
    running: &Arc<Mutex<Option<Running>>>,
) -> Result<(), Failure> {
    let stopped = node.clone();
    let stop = move || {
        notify::stopping();
        stopped.close();
    };
    if config.file.is_none() {
        return interrupt::on_first(stop);
    }
    let running = Arc::clone(running);
    interrupt::on_first_or_hang_up(stop, move || {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.as_mut() {
            notify::reloading();
            running.read_again();
            notify::ready();
        }
    })
}

/// Returns where it listens, with real ports.
fn listen(node: &Node, binds: &[String]) -> Result<Vec<String>, Failure> {
    let mut endpoints = Vec::new();
    for endpoint in binds {
        let actual = node.bind(endpoint)?;
        info!("listening on {actual}");
        endpoints.push(actual);
    }
    Ok(endpoints)
}

fn join<'a>(node: &Node, peers: impl IntoIterator<Item = &'a String>) -> Result<(), Failure> {
    for endpoint in peers {
        match node.add_peer(endpoint) {
            Ok(()) => info!("joining {endpoint}"),
            // One list for all nodes of a cluster is handy, and harmless.
            Err(error @ AddPeerError::Itself { .. }) => info!("{error}; left out"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Logs what happens until the node is closed.
fn follow(node: &Node, events: &Events) {
    let mut failing = HashMap::new();
    while let Some(event) = events.next_timeout(FOREVER) {
        match &event {
            // Our own end is no news.
            _ if interrupt::happened() => {}
            Event::ConnectFailed { endpoint, reason }
                if !is_news(&mut failing, endpoint, reason) =>
            {
                debug!("cannot connect to {endpoint}: {reason}; trying again");
            }
            Event::PeerUp { .. } => {
                forget_connected(&mut failing, node);
                told::log(&event);
            }
            event => told::log(event),
        }
    }
}

/// Whether an attempt to connect is the first that failed since there was a connection, or failed otherwise than the one
/// before: each further one is no news.
fn is_news(failing: &mut HashMap<String, String>, endpoint: &str, reason: &str) -> bool {
    if failing.len() >= MAX_FAILING {
        failing.clear();
    }
    let before = failing.insert(endpoint.to_owned(), reason.to_owned());
    before.as_deref() != Some(reason)
}

/// Whoever is connected, by whichever connection, is no longer out of reach.
fn forget_connected(failing: &mut HashMap<String, String>, node: &Node) {
    for peer in node.peers() {
        if peer.state == PeerState::Connected {
            failing.remove(&peer.endpoint);
        }
    }
}
