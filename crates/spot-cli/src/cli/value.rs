//! Values of arguments: how each is read, and what is said of one that is wrong.

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use serverlink::{Discovery, EndpointError, Filter, Minority, Overflow, limits};
use spot_core::Endpoint;

use crate::config::DEFAULT_ADMIN;
use crate::interrupt::FOREVER;

/// Most messages that a topic keeps.
const MAX_HISTORY: usize = 1 << 20;

/// Reads an exact topic name.
pub(super) fn topic() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(|text| {
        let topic = utf8(text)?;
        Filter::exact(&topic).map_err(|error| error.to_string())?;
        Ok::<_, String>(topic)
    })
}

/// Reads a topic name, or a pattern where it has `*`, `?` or `[` in it.
pub(super) fn filter() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(|text| {
        let filter = utf8(text)?;
        if is_pattern(&filter) {
            Filter::pattern(&filter).map_err(|error| error.to_string())?;
        } else {
            Filter::exact(&filter).map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(filter)
    })
}

/// Whether the argument of `spot sub` is a pattern; otherwise it is a topic.
pub(crate) fn is_pattern(filter: &str) -> bool {
    filter.contains(['*', '?', '['])
}

/// Reads an endpoint to listen at.
pub(crate) fn bind(text: &str) -> Result<String, String> {
    endpoint(text, Endpoint::parse_bind)
}

/// Reads an endpoint to connect to.
pub(crate) fn peer(text: &str) -> Result<String, String> {
    endpoint(text, Endpoint::parse_connect)
}

fn endpoint(
    text: &str,
    parse: fn(&str) -> Result<Endpoint, EndpointError>,
) -> Result<String, String> {
    let text = entry(text)?;
    match parse(text) {
        Ok(Endpoint::Inproc { .. }) => Err(format!(
            "nobody else can be within this process: {TRANSPORTS}"
        )),
        Ok(_) => Ok(text.to_owned()),
        // Their own remedies name inproc://, too, which is of use to libraries only.
        Err(EndpointError::UnknownScheme { endpoint }) => Err(format!(
            "the endpoint {endpoint} has no known transport: {TRANSPORTS}"
        )),
        Err(EndpointError::EmptyName { endpoint }) => Err(format!(
            "the endpoint {endpoint} has no name: write ipc://PATH"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a topic to host, one of a list.
pub(crate) fn hosted(text: &str) -> Result<String, String> {
    let text = entry(text)?;
    Filter::exact(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// An entry of a comma list.
fn entry(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an entry is empty: write one, or leave its comma or the option out".into());
    }
    Ok(text)
}

/// Reads the name of a node.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the name is empty: write one, or leave the option out".into());
    }
    if text.len() > limits::MAX_NODE_NAME_BYTES || text.contains('\0') {
        return Err(format!(
            "write a name of 1 to {} bytes without NUL; this one has {}",
            limits::MAX_NODE_NAME_BYTES,
            text.len()
        ));
    }
    Ok(text.to_owned())
}

/// Reads where the admin server of a node is that is asked, by address or name, or that it is off.
pub(super) fn admin(text: &str) -> Result<String, String> {
    let at = text.rsplit_once(':').filter(|(host, port)| {
        let port = port.parse::<u16>().unwrap_or(0);
        port > 0 && !host.is_empty() && !host.contains('/')
    });
    match at {
        Some(_) => Ok(text.to_owned()),
        None if text == "off" => Ok(text.to_owned()),
        None => Err(format!("write HOST:PORT, such as {DEFAULT_ADMIN}")),
    }
}

/// Reads a number of something.
pub(super) fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| "write a whole number, at least 0, such as 100".into())
}

/// Reads how many messages or events: at least one, as nothing is to be done for none.
pub(super) fn count(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "write a whole number, at least 1, such as 100".into())
}

/// Reads a length of time in seconds: at least 0, fractions allowed.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= FOREVER)
        .ok_or_else(|| "write seconds, at least 0 and at most a century, such as 2.5".into())
}

/// Reads how long to measure: longer than nothing.
pub(super) fn measured(text: &str) -> Result<Duration, String> {
    seconds(text)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "write seconds, above 0 and at most a century, such as 5".into())
}

/// Reads the size of a message that carries a number.
pub(super) fn message_size(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|size| (MIN_MEASURED_BYTES..=limits::DEFAULT_MAX_MESSAGE_BYTES).contains(size))
        .ok_or_else(|| {
            format!(
                "write bytes, {MIN_MEASURED_BYTES} to {}, such as 64",
                limits::DEFAULT_MAX_MESSAGE_BYTES
            )
        })
}

/// Reads a rate in messages a second: above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate >= MIN_RATE)
        .ok_or_else(|| format!("write messages a second, at least {MIN_RATE}, such as 10"))
}

/// Reads how many messages of history; nothing is none.
pub(super) fn history(text: &str) -> Result<usize, String> {
    match text.trim() {
        "" => Some(0),
        number => number.parse().ok(),
    }
    .filter(|messages| *messages <= MAX_HISTORY)
    .ok_or_else(|| format!("write a number of messages from 0 to {MAX_HISTORY}"))
}

/// Reads a switch. Without a variable of the environment the words are those of the command line's own.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("write 1 or true for on, 0 or false for off".into()),
    }
}

/// Reads an overflow policy.
pub(super) fn overflow(text: &str) -> Result<Overflow, String> {
    match text {
        "drop-newest" => Ok(Overflow::DropNewest),
        "drop-oldest" => Ok(Overflow::DropOldest),
        "block" => Ok(Overflow::Block),
        "disconnect" => Ok(Overflow::Disconnect),
        _ => Err("write drop-newest, drop-oldest, block or disconnect".into()),
    }
}

/// Reads how peers are found.
pub(crate) fn discovery(text: &str) -> Result<Discovery, String> {
    match text {
        "listed" => Ok(Discovery::Listed),
        "gossip" => Ok(Discovery::Gossip),
        _ => Err("write listed or gossip".into()),
    }
}

/// Reads what to do without a majority.
pub(crate) fn minority(text: &str) -> Result<Minority, String> {
    match text {
        "go-on" => Ok(Minority::GoOn),
        "refuse" => Ok(Minority::Refuse),
        _ => Err("write go-on or refuse".into()),
    }
}

/// A message that is measured carries its number.
const MIN_MEASURED_BYTES: usize = 8;

const TRANSPORTS: &str = "begin with tcp:// or ipc://";

// A message a day; below that the pause between two would overflow sooner or later.
const MIN_RATE: f64 = 1e-5;

fn utf8(text: OsString) -> Result<String, String> {
    text.into_string()
        .map_err(|text| format!("{} is not UTF-8: encode it as UTF-8", text.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_finite_and_not_negative() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for text in ["", "-1", "nan", "inf", "1e30", "2s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        assert_eq!(whole("0"), Ok(0_usize));
        for text in ["", "-1", "1.5", "many", "99999999999999999999"] {
            assert!(
                whole::<u64>(text).unwrap_err().contains("at least 0"),
                "{text}"
            );
        }
    }

    #[test]
    fn no_endpoint_within_the_process_is_taken_or_recommended() {
        for text in ["inproc://x", "http://*:80", "ipc://", " "] {
            for error in [bind(text), peer(text)].map(Result::unwrap_err) {
                assert!(
                    !error.contains("inproc://NAME") && !error.contains("or inproc"),
                    "{error}"
                );
            }
        }
        assert_eq!(bind(" tcp://*:0 "), Ok("tcp://*:0".into()));
        assert!(peer("tcp://*:5555").is_err());
    }

    #[test]
    fn a_switch_is_on_or_off_and_nothing_else() {
        assert_eq!((switch("1"), switch("true")), (Ok(true), Ok(true)));
        assert_eq!((switch("0"), switch("false")), (Ok(false), Ok(false)));
        for text in ["yes", "on", "2", "", "TRUE"] {
            assert!(switch(text).unwrap_err().contains("1 or true"), "{text}");
        }
    }

    #[test]
    fn a_rate_is_above_zero() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["0", "-3", "nan", "inf", "fast"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn policies_are_read_as_they_are_written() {
        for policy in [
            Overflow::DropNewest,
            Overflow::DropOldest,
            Overflow::Block,
            Overflow::Disconnect,
        ] {
            assert_eq!(overflow(&policy.to_string()), Ok(policy));
        }
        assert!(overflow("drop").unwrap_err().contains("drop-oldest"));
    }
}
