//! `spot health`: asks a node's admin server, for scripts and the health checks of containers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::cli::HealthArgs;
use crate::failure::Failure;
use crate::output::Output;

/// More of an answer is not read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

pub(crate) fn run(args: &HealthArgs) -> Result<(), Failure> {
    let Ok(address) = args.admin.parse::<SocketAddr>() else {
        return Err(Failure::Failed(
            "the admin server is off: give the node an address with --admin or SPOT_ADMIN".into(),
        ));
    };
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let answer = ask(address, path, args.timeout).map_err(|error| {
        Failure::Failed(format!(
            "no answer from http://{address}{path}: {error}; is a node running there, with its admin server at that address?"
        ))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    let body = body.trim();
    if status != "200" {
        return Err(Failure::Failed(format!(
            "http://{address}{path} answers {status}: {body}"
        )));
    }
    let mut output = Output::new();
    output.line(body)?;
    output.flush()
}

fn ask(address: SocketAddr, path: &str, timeout: Duration) -> io::Result<String> {
    // Zero would mean no limit.
    let timeout = timeout.max(Duration::from_millis(1));
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let read = stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer);
    read.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(format!("nothing within {timeout:?}")),
        _ => error,
    })?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
