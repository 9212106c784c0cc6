//! `spot node`: a node that runs until it is told to stop.

mod log;
mod majority;
mod notify;
mod quiet;
mod reload;
mod routes;
mod told;
mod visits;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::ArgMatches;
use serverlink::{AddPeerError, BindError, Event, Events, Node, PeerState};
use spot_core::{Endpoint, Host};
use tracing::{debug, info, warn};

use crate::admin::{self, AdminServer};
use crate::cli::NodeArgs;
use crate::cli::value::is_pattern;
use crate::config::{self, Config, Problem, Settings};
use crate::failure::Failure;
use crate::interrupt::{self, FOREVER};
use crate::output::{Output, note};
use crate::text::counted;
use log::LogControl;
use majority::Majority;
use quiet::{LeftOut, Quiet};
use reload::Running;
use routes::Router;
use visits::Visits;

/// Endpoints out of reach that are remembered: as many as a cluster of members that come and go may leave behind.
const MAX_FAILING: usize = 4096;

/// Topics that have a line of the log each when they are hosted.
const MAX_HOSTING_LINES: usize = 20;

pub(crate) fn run(args: &NodeArgs, matches: ArgMatches) -> Result<(), Failure> {
    let loaded = load(&matches);
    if args.check_config {
        return check(loaded);
    }
    let (config, settings) = loaded.map_err(|problems| Problem::failure(&problems))?;
    if args.print_config {
        return print(&config);
    }
    let unknown = config::unknown_variables();
    let log = log::start(&settings.log, settings.name.as_deref())?;
    for told in unknown {
        warn!("{told}");
    }
    let listener = admin::listen(&settings.admin)?;
    let node = start(&settings, &log)?;
    let running = Arc::new(Mutex::new(None));
    // A hang-up waits until the node runs.
    let mut starting = running.lock().unwrap_or_else(PoisonError::into_inner);
    handle_signals(&node, &config, &running)?;
    let events = node.events();
    let endpoints = listen(&node, &config, &settings.binds)?;
    log_started(&node, &settings, &endpoints);
    join(&node, &endpoints, &settings.peers)?;
    let router = Router::start(node.clone());
    router.want(settings.routes.clone());
    let name = settings.name.clone();
    let admin = AdminServer::start(listener, &settings.admin, &node, name, endpoints.clone())?;
    *starting = Some(Running {
        node: node.clone(),
        endpoints,
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
    info!(event = "stopped", "stopped");
    Ok(())
}

/// Reads the configuration; everything that is wrong with it.
fn load(matches: &ArgMatches) -> Result<(Config, Settings), Vec<Problem>> {
    let config = Config::load(matches)?;
    let settings = Settings::of(&config)?;
    Ok((config, settings))
}

fn check(loaded: Result<(Config, Settings), Vec<Problem>>) -> Result<(), Failure> {
    config::unknown_variables().iter().for_each(note);
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
    config::unknown_variables().iter().for_each(note);
    let mut output = Output::new();
    for line in config.to_toml() {
        output.line(&line)?;
    }
    output.flush()
}

fn start(settings: &Settings, log: &LogControl) -> Result<Node, Failure> {
    let options = settings.options.clone();
    let mut builder = Node::builder().options(|all| *all = options);
    if let Some(name) = &settings.name {
        builder = builder.name(name);
    }
    for topic in &settings.topics {
        builder = builder.topic(topic);
    }
    let node = builder.start()?;
    log.set_node(node.id().to_string());
    Ok(node)
}

/// Once it listens: one that cannot has not started.
fn log_started(node: &Node, settings: &Settings, endpoints: &[String]) {
    info!(event = "started", "node {} started", node.id());
    for endpoint in endpoints {
        info!(event = "listening", endpoint, "listening on {endpoint}");
    }
    if settings.options.relay {
        info!("relaying between the nodes that link to this one");
    }
    log_hosting(&settings.topics.iter().collect::<Vec<_>>());
}

/// Logs topics that are hosted from now on: each, or how many where these are lines that nobody reads.
fn log_hosting(topics: &[&String]) {
    let many = topics.len() > MAX_HOSTING_LINES;
    if many {
        let count = topics.len();
        info!(
            event = "hosting",
            count, "hosting {count} topics; level debug has each"
        );
    }
    for topic in topics {
        match many {
            true => debug!(event = "hosting", topic, "hosting {topic}"),
            false => info!(event = "hosting", topic, "hosting {topic}"),
        }
        if is_pattern(topic) {
            warn!(
                event = "hosting",
                topic,
                "hosting {topic}: this is one topic of that name, and no pattern, which only subscribers write"
            );
        }
    }
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
        log_stopping(&stopped);
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

/// How much is to be sent yet, and how long that may take.
fn log_stopping(node: &Node) {
    let queued: usize = node.peers().iter().map(|peer| peer.queued_messages).sum();
    let messages = counted(queued as u64, "message");
    let linger = node.options().linger.unwrap_or(FOREVER);
    let (event, linger_ms) = ("stopping", linger.as_millis() as u64);
    info!(
        event,
        queued,
        linger_ms,
        "stopping: {messages} to be sent yet, in up to {linger_ms} ms (linger_ms)"
    );
}

/// Returns where it listens, with real ports.
fn listen(node: &Node, config: &Config, binds: &[String]) -> Result<Vec<String>, Failure> {
    let mut endpoints = Vec::new();
    for endpoint in binds {
        let bound = node.bind(endpoint);
        let actual = bound.map_err(|error| {
            // Which of the layers is to be changed.
            let source = config.source("bind");
            let told = bind_failure(endpoint, &error);
            Failure::Failed(format!("{source}: bind = {endpoint}: {told}"))
        })?;
        endpoints.push(actual);
    }
    Ok(endpoints)
}

/// Why an endpoint cannot be bound, with the remedy where the library's own is of no use.
fn bind_failure(endpoint: &str, error: &BindError) -> String {
    let parsed = Endpoint::parse_bind(endpoint);
    match (error, parsed) {
        (BindError::Io { source, .. }, Ok(Endpoint::Tcp { .. }))
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            format!(
                "{error}; choose a port from 1024 on, or run the node with CAP_NET_BIND_SERVICE"
            )
        }
        (
            BindError::NotAvailable { .. },
            Ok(Endpoint::Tcp {
                host: Host::Name(name),
                ..
            }),
        ) => format!(
            "{name:?} is no name of an address of this machine: write an IP address of it, or tcp://*:PORT for all of them"
        ),
        (BindError::InUse { .. }, Ok(Endpoint::Ipc { path })) => match fs::metadata(&path) {
            Ok(file) if !file.file_type().is_socket() => {
                format!("{path} is there and is no socket: choose another path, or move it away")
            }
            _ => format!("{path} is in use; choose another path or stop the program that holds it"),
        },
        _ => error.to_string(),
    }
}

/// Adds peers, but for those that lead to this node, which listens at `own`: one list for all nodes of a cluster is handy.
fn join<'a>(
    node: &Node,
    own: &[String],
    peers: impl IntoIterator<Item = &'a String>,
) -> Result<(), Failure> {
    for endpoint in peers {
        if leads_to_one_of(endpoint, own) {
            info!(
                event = "left-out",
                peer = endpoint,
                "{endpoint} is this node itself; left out"
            );
            continue;
        }
        match node.add_peer(endpoint) {
            Ok(()) => info!(event = "joining", peer = endpoint, "joining {endpoint}"),
            // As a former connection showed.
            Err(error @ AddPeerError::Itself { .. }) => info!("{error}; left out"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn leads_to_one_of(endpoint: &str, own: &[String]) -> bool {
    let bound = own.iter().filter_map(|own| Endpoint::parse_bind(own).ok());
    let to = Endpoint::parse_connect(endpoint);
    to.is_ok_and(|to| bound.into_iter().any(|bound| to.leads_to(&bound)))
}

/// Logs what happens until the node is closed.
fn follow(node: &Node, events: &Events) {
    let (mut failing, mut quiet) = (HashMap::new(), Quiet::default());
    let (mut visits, mut majority) = (Visits::default(), Majority::at_start(node));
    loop {
        let end = quiet.next_end();
        let wait = end.map_or(FOREVER, |end| end.saturating_duration_since(Instant::now()));
        let event = events.next_timeout(wait);
        let now = Instant::now();
        for LeftOut {
            event,
            about,
            count,
        } in quiet.end_windows(now)
        {
            let lines = counted(count, "more line");
            let of = if about.is_empty() { "" } else { " of " };
            info!(
                event,
                peer = about,
                count,
                "{event}{of}{about}: {lines} left out, see level debug"
            );
        }
        match event {
            // Our own end is no news.
            Some(_) if interrupt::happened() => {}
            Some(event) => {
                if let Event::PeerUp { .. } = event {
                    forget_connected(&mut failing, node);
                }
                let (is_visit, came_before) = visits.follow(&event, node);
                came_before.iter().for_each(told::log);
                let is_no_news = is_visit || is_repeated(&mut failing, &event);
                if is_no_news || !quiet.admits(&event, now) {
                    told::log_repeated(&event);
                } else {
                    told::log(&event);
                }
                majority.after(&event, node);
            }
            None if end.is_none_or(|end| now < end) => return,
            None => {}
        }
    }
}

/// Whether it is one more attempt to connect that failed as the one before.
fn is_repeated(failing: &mut HashMap<String, String>, event: &Event) -> bool {
    match event {
        Event::ConnectFailed { endpoint, reason } => !is_news(failing, endpoint, reason),
        _ => false,
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
