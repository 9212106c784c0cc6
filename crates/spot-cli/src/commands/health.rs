//! `spot health`: asks a node's admin server, for scripts and the health checks of containers.

use crate::cli::HealthArgs;
use crate::failure::Failure;
use crate::http;
use crate::output::Output;

/// A longer answer is none of an admin server.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

pub(crate) fn run(args: &HealthArgs) -> Result<(), Failure> {
    let address = http::address(&args.admin)?;
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let answer = http::get(address, path, args.timeout, MAX_ANSWER_BYTES).map_err(|error| {
        Failure::Failed(format!(
            "no answer from http://{address}{path}: {error}; is a node running there, with its admin server at that address?"
        ))
    })?;
    let (status, body) = (answer.status, &answer.body);
    if status != 200 {
        return Err(Failure::Failed(format!(
            "http://{address}{path} answers {status}: {body}"
        )));
    }
    let mut output = Output::new();
    output.line(body)?;
    output.flush()
}
