//! The command line of `spot bench`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serverlink::Overflow;

use super::{JoinArgs, value};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) side: BenchSide,
}

/// Which side of a measurement to be.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchSide {
    /// Be the other side: count what arrives, answer round trips
    #[command(after_help = EXAMPLES)]
    Sub(BenchSubArgs),
    /// Publish as fast as the other side takes it, and say how much that was
    #[command(after_help = EXAMPLES)]
    Pub(BenchPubArgs),
    /// Send one message, wait until it is back, and so on; say how long that took
    #[command(after_help = EXAMPLES)]
    Rtt(BenchRttArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BenchSubArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Stop after so many measurements [default: at Ctrl-C]
    #[arg(short = 'n', long = "count", value_name = "COUNT")]
    #[arg(value_parser = value::count, allow_negative_numbers = true)]
    pub(crate) count: Option<u64>,
    /// Messages that may wait here; 0 is unlimited
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    #[arg(value_parser = value::whole::<usize>, allow_negative_numbers = true)]
    pub(crate) hwm: usize,
    /// What a full queue does: block (the publisher), drop-newest, drop-oldest or disconnect
    #[arg(long, value_name = "POLICY", value_parser = value::overflow, default_value = "block")]
    pub(crate) overflow: Overflow,
}

#[derive(Debug, Args)]
pub(crate) struct BenchPubArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Publish at most this many messages a second
    #[arg(long, value_name = "PER_SECOND", value_parser = value::rate)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchRttArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Size of each message
    #[arg(long, value_name = "BYTES", value_parser = value::message_size, default_value = "64")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) size: usize,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", value_parser = value::measured, default_value = "5")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) seconds: Duration,
    /// How long to wait for `spot bench sub`, at the beginning, whenever it takes nothing, and for its count
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, default_value = "10")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
}

/// Where a side is.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    pub(crate) join: JoinArgs,
    /// Listen at this endpoint; repeat it or separate by commas. --peer has no default then
    #[arg(long = "bind", value_name = "ENDPOINT", value_delimiter = ',', value_parser = value::bind)]
    pub(crate) binds: Vec<String>,
    /// Print one JSON object for each measurement
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  spot bench sub --bind 'tcp://*:5600'                               on one host, for as many measurements as you like
  spot bench pub --peer tcp://host:5600 --size 64 --seconds 5        on another: how much gets across
  spot bench rtt --peer tcp://host:5600                              how long a round trip takes
  spot bench pub --peer tcp://hub:5555                               with both sides at a hub: through it

The two must reach each other directly or through a hub (`spot node --relay`). Messages are not lost unless `spot bench sub`
chose an --overflow that loses. Either side fails (exit code 1) if messages were lost or came out of order. Progress is told each
second where standard error is a terminal. Processor time is that of the side that prints it.";
