//! The command line: what may be asked for, and the text that teaches it.

pub(crate) mod bench;
mod examples;
pub(crate) mod top;
pub(crate) mod value;

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use serverlink::{Discovery, Minority, Overflow};

use crate::config;
use bench::BenchArgs;
use examples::{CLUSTER_EXAMPLES, EXAMPLES, NODE_EXAMPLES, PUB_EXAMPLES, SUB_EXAMPLES};
use top::TopArgs;

/// Where a node listens, and where the tools look for one, when nothing else is said.
pub(crate) const DEFAULT_ENDPOINT: &str = "tcp://127.0.0.1:5555";

/// The exit code for arguments that make no sense.
pub(crate) const USAGE_EXIT_CODE: u8 = 2;

/// Location-transparent publish/subscribe without a broker: a node, and tools to use and watch a cluster.
#[derive(Debug, Parser)]
#[command(name = "spot", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a cluster of three nodes at work, and check that nothing is lost
    Demo(DemoArgs),
    /// Run a node: host topics, link to other nodes
    Node(NodeArgs),
    /// Publish messages: DATA, or each line of standard input
    Pub(PubArgs),
    /// Subscribe to topics or patterns and print what arrives
    Sub(SubArgs),
    /// List the topics that the peers offer
    Topics(AskArgs),
    /// Show the links of this program to the peers (a node's own links are not told to others)
    Peers(AskArgs),
    /// Ask every peer for its topics; fail if one does not answer
    Sync(AskArgs),
    /// Show the members of the cluster, as the peers see them; with --admin as a node does, and whether it has a majority
    Cluster(ClusterArgs),
    /// Follow what happens: links of this program, members, partitions, topics, gaps in topics that are named
    Events(EventsArgs),
    /// Measure between two hosts: how much gets across, and how long a round trip takes
    Bench(BenchArgs),
    /// Watch a node and its cluster in the terminal: members, peers, topics, rates, events
    Top(TopArgs),
    /// Ask a node's admin server whether it is alive, or ready: exit code 0 or 1
    Health(HealthArgs),
    /// Print the script that makes a shell complete this program's commands and flags
    #[command(hide = true)]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the man pages
    #[command(hide = true)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Where to; it is made if it does not exist
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the cluster up to play with, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
#[command(after_help = NODE_EXAMPLES)]
pub(crate) struct NodeArgs {
    /// Where to listen; repeat it or separate by commas [default without --peer: tcp://127.0.0.1:5555]
    #[arg(
        long = "bind",
        value_name = "ENDPOINT",
        env = "SPOT_BIND",
        hide_env_values = true
    )]
    #[arg(value_delimiter = ',', value_parser = value::bind)]
    pub(crate) binds: Vec<String>,
    /// A node to link to; repeat it or separate by commas
    #[arg(
        long = "peer",
        value_name = "ENDPOINT",
        env = "SPOT_CLUSTER",
        hide_env_values = true
    )]
    #[arg(value_delimiter = ',', value_parser = value::peer)]
    pub(crate) peers: Vec<String>,
    /// A topic to host; repeat it or separate by commas
    #[arg(
        long = "topic",
        value_name = "TOPIC",
        env = "SPOT_TOPICS",
        hide_env_values = true
    )]
    #[arg(value_delimiter = ',', value_parser = value::hosted)]
    pub(crate) topics: Vec<String>,
    /// The node's name, unique in the cluster: a restarted node is known as the same member by it
    #[arg(long, env = "SPOT_NAME", hide_env_values = true, value_parser = value::name)]
    pub(crate) name: Option<String>,
    /// Be a hub: pass messages on, on demand, between the nodes that are linked to this one
    #[arg(
        long,
        env = "SPOT_RELAY",
        hide_env_values = true,
        value_parser = clap::builder::ValueParser::new(value::switch)
    )]
    pub(crate) relay: bool,
    #[command(flatten)]
    pub(crate) history: KeepArgs,
    /// Members of the whole cluster, the same on every node [default: those known that have not left]
    #[arg(
        long,
        value_name = "MEMBERS",
        env = "SPOT_CLUSTER_SIZE",
        hide_env_values = true
    )]
    #[arg(value_parser = value::whole::<usize>, allow_negative_numbers = true)]
    pub(crate) cluster_size: Option<usize>,
    /// Whom to link to: the peers as listed, or by gossip also the members they tell of
    #[arg(long, value_name = "listed|gossip", value_parser = value::discovery, default_value = "listed")]
    #[arg(env = "SPOT_DISCOVERY", hide_env_values = true)]
    pub(crate) discovery: Discovery,
    /// Without a majority of the cluster: go on, or refuse to publish
    #[arg(long, value_name = "go-on|refuse", value_parser = value::minority, default_value = "go-on")]
    #[arg(env = "SPOT_MINORITY", hide_env_values = true)]
    pub(crate) minority: Minority,
    /// A topic hosted elsewhere, and where: the preferred endpoint first, others after commas; repeat it for more topics
    #[arg(
        long = "route",
        value_name = "TOPIC=ENDPOINT",
        env = "SPOT_ROUTES",
        hide_env_values = true
    )]
    pub(crate) routes: Vec<String>,
    /// What to log: error, warn, info, debug, trace or off [default: info]
    #[arg(long, value_name = "LEVEL", value_parser = config::level)]
    #[arg(env = "SPOT_LOG", hide_env_values = true)]
    pub(crate) log: Option<String>,
    /// Where the admin server listens, or off [default: 127.0.0.1:8222]
    #[arg(long, value_name = "IP:PORT|off", value_parser = config::admin)]
    #[arg(env = "SPOT_ADMIN", hide_env_values = true)]
    pub(crate) admin: Option<String>,
    /// A TOML file with more of these settings; SIGHUP makes the node read it again
    #[arg(long, value_name = "FILE", env = "SPOT_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration; repeat it for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Check the configuration and end: with 0 if it is right, with 1 if it is not
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the configuration in effect, as a file for --config, and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// What is kept of the topics that are hosted here.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// Keep the last messages of each topic hosted here, in memory: for subscribers that ask for them (`spot sub
    /// --history`), and for those whose connection broke for a moment
    #[arg(
        long = "history",
        value_name = "MESSAGES",
        env = "SPOT_HISTORY",
        hide_env_values = true
    )]
    #[arg(value_parser = value::history, default_value = "0", hide_default_value = true)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) messages: usize,
}

/// How a tool reaches the cluster.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// A node to join; repeat it or separate by commas [default: tcp://127.0.0.1:5555]
    #[arg(
        long = "peer",
        value_name = "ENDPOINT",
        env = "SPOT_CLUSTER",
        hide_env_values = true
    )]
    #[arg(value_delimiter = ',', value_parser = value::peer)]
    pub(crate) peers: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = PUB_EXAMPLES)]
pub(crate) struct PubArgs {
    /// The topic to publish on
    #[arg(value_parser = value::topic())]
    pub(crate) topic: String,
    /// The message; without it each line of standard input is one
    #[arg(allow_negative_numbers = true)]
    pub(crate) data: Option<OsString>,
    /// Publish DATA this many times
    #[arg(short = 'n', long = "count", value_name = "COUNT", default_value_t = 1)]
    #[arg(requires = "data", value_parser = value::count, allow_negative_numbers = true)]
    pub(crate) count: u64,
    /// Publish at most this many messages a second
    #[arg(long, value_name = "PER_SECOND", value_parser = value::rate)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// Host the topic here and listen at this endpoint; repeat it or separate by commas. --peer has no default then
    #[arg(long = "bind", value_name = "ENDPOINT", value_delimiter = ',', value_parser = value::bind)]
    pub(crate) binds: Vec<String>,
    #[command(flatten)]
    pub(crate) history: KeepArgs,
    /// With --bind: how many subscribers to wait for before the first message
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "binds")]
    #[arg(value_parser = value::whole::<usize>, allow_negative_numbers = true)]
    pub(crate) wait_subscribers: usize,
    /// How long to wait for the peers and for one that offers the topic, also when its node is lost on the way [default: 5], and, with --bind, for subscribers [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,
    /// How long the end may take to send what is still queued
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, default_value = "10")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) linger: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = SUB_EXAMPLES)]
pub(crate) struct SubArgs {
    /// Topics, or patterns with * ? or [ in them
    #[arg(value_name = "TOPIC|PATTERN", required = true, value_parser = value::filter())]
    pub(crate) filters: Vec<String>,
    /// Stop after this many messages
    #[arg(short = 'n', long = "count", value_name = "COUNT")]
    #[arg(value_parser = value::count, allow_negative_numbers = true)]
    pub(crate) count: Option<u64>,
    /// Stop after this time, with exit code 3 if fewer than COUNT messages (without -n: none) arrived
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,
    /// Print one JSON object for each message
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print the bytes of the messages and nothing else
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// Listen at this endpoint for nodes that connect; repeat it or separate by commas. --peer has no default then
    #[arg(long = "bind", value_name = "ENDPOINT", value_delimiter = ',', value_parser = value::bind)]
    pub(crate) binds: Vec<String>,
    /// Begin with up to so many of the last messages that are kept of each topic (by `spot node --history`)
    #[arg(
        long,
        value_name = "MESSAGES",
        env = "SPOT_HISTORY",
        hide_env_values = true
    )]
    #[arg(value_parser = value::history, default_value = "0", hide_default_value = true)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) history: usize,
    /// Messages that may wait here while the output is slow; 0 is unlimited
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    #[arg(value_parser = value::whole::<usize>, allow_negative_numbers = true)]
    pub(crate) hwm: usize,
    /// What a full queue does: drop-newest, drop-oldest, block (the publisher) or disconnect
    #[arg(long, value_name = "POLICY", value_parser = value::overflow, default_value = "drop-newest")]
    pub(crate) overflow: Overflow,
}

/// What the commands that ask the cluster a question take.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// How long to wait for the peers' answers
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, default_value = "5")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = CLUSTER_EXAMPLES)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// Ask the admin server of a node instead of --peer: its own judgement, with exit code 1 if it has no majority
    #[arg(long, value_name = "HOST:PORT", value_parser = value::admin, conflicts_with = "cluster_size")]
    pub(crate) admin: Option<String>,
    /// Members of the whole cluster, to judge by what is a majority: peers do not tell what they were given
    #[arg(long, value_name = "MEMBERS")]
    #[arg(value_parser = value::whole::<usize>, allow_negative_numbers = true)]
    pub(crate) cluster_size: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Topics, or patterns with * ? or [ in them, to listen to: only so gaps in them are told
    #[arg(value_name = "TOPIC|PATTERN", value_parser = value::filter())]
    pub(crate) filters: Vec<String>,
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// Stop after this many events
    #[arg(short = 'n', long = "count", value_name = "COUNT")]
    #[arg(value_parser = value::count, allow_negative_numbers = true)]
    pub(crate) count: Option<u64>,
    /// Stop after this time, with exit code 3 if no peer was ever connected or fewer than COUNT events (without -n: none) came
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,
    /// Print one JSON object for each event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Where the admin server listens
    #[arg(long, value_name = "HOST:PORT", value_parser = value::admin, default_value = config::DEFAULT_ADMIN)]
    #[arg(env = "SPOT_ADMIN", hide_env_values = true)]
    pub(crate) admin: String,
    /// Ask whether it is ready: enough peers, and a majority of the cluster
    #[arg(long)]
    pub(crate) ready: bool,
    /// How long to wait for the answer
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, default_value = "5")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
}

/// The definition of the command line. A variable of the environment that is empty counts as not set. One of a node that is
/// wrong is left to its configuration, which tells all that is wrong and not the first only.
pub(crate) fn command() -> clap::Command {
    each_below(Cli::command(), &|command| {
        let is_node = command.get_name() == "node";
        command.mut_args(|arg| {
            let name = arg
                .get_env()
                .map(|name| name.to_string_lossy().into_owned());
            let value = name.as_ref().and_then(env::var_os);
            let is_left = match (&name, &value) {
                (Some(_), Some(value)) if value.is_empty() => true,
                (Some(name), Some(value)) => {
                    is_node && config::is_wrong(name, &value.to_string_lossy())
                }
                _ => false,
            };
            if is_left { arg.env(None::<&str>) } else { arg }
        })
    })
}

/// Changes each command below this one, at any depth.
fn each_below(
    command: clap::Command,
    change: &dyn Fn(clap::Command) -> clap::Command,
) -> clap::Command {
    command.mut_subcommands(|command| each_below(change(command), change))
}

/// The values of a repeatable flag or comma list: in order, once each.
pub(crate) fn list(values: &[String]) -> Vec<&str> {
    let mut known = HashSet::new();
    let values = values.iter().map(String::as_str);
    values.filter(|value| known.insert(*value)).collect()
}

#[cfg(test)]
mod tests;
