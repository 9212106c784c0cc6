//! The command line of `spot top`.

use std::time::Duration;

use clap::Args;

use super::value;
use crate::config;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TopArgs {
    /// Where the node's admin server listens
    #[arg(long, value_name = "HOST:PORT", value_parser = value::admin, default_value = config::DEFAULT_ADMIN)]
    #[arg(env = "SPOT_ADMIN", hide_env_values = true)]
    pub(crate) admin: String,
    /// How often to ask the node
    #[arg(long, value_name = "SECONDS", value_parser = value::measured, default_value = "1")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) interval: Duration,
    /// How long to wait for each answer
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, default_value = "5")]
    #[arg(allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
    /// Print one snapshot as text, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one snapshot as a JSON object, and end, with --once or without
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  spot top                                  the node of this machine
  spot top --admin 10.0.0.7:8222            one elsewhere whose admin server listens there
  spot top --once                           one snapshot as text, also into a file or a pipe
  spot top --json | jq .cluster.members     as the admin server has it

Keys: 1 to 4, Tab and the arrows choose members, peers, topics or events; arrows, PgUp, PgDn, Home and End scroll; s sorts by
the next column, r the other way round; / filters; q or Ctrl-C ends.

--json prints what the paths below /api/v1 answer, each under its name, and `ready`. Exit code 1 if the node does not answer.";
