//! Asking a node's admin server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config;
use crate::failure::Failure;

/// What it answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// How long one of several addresses of a name may take to be told from those where nobody listens.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The address of an admin server, unless there is none. Of a name with several it is the first where somebody listens:
/// `localhost` is often both `::1` and `127.0.0.1`.
pub(crate) fn address(admin: &str) -> Result<SocketAddr, Failure> {
    if admin == "off" {
        return Err(Failure::Failed(format!(
            "the admin server is off: give the node an address with --admin or SPOT_ADMIN, such as {}",
            config::DEFAULT_ADMIN
        )));
    }
    let resolved = admin.to_socket_addrs().map_err(|error| {
        Failure::Failed(format!(
            "cannot resolve {admin}: {error}; write IP:PORT, such as {}",
            config::DEFAULT_ADMIN
        ))
    })?;
    let addresses: Vec<_> = resolved.collect();
    let listens =
        |address: &&SocketAddr| TcpStream::connect_timeout(address, PROBE_TIMEOUT).is_ok();
    let address = match &addresses[..] {
        [only] => Some(only),
        several => several.iter().find(listens).or(several.first()),
    };
    address
        .copied()
        .ok_or_else(|| Failure::Failed(format!("{admin} has no address")))
}

/// Asks for an object.
pub(crate) fn get_json(
    address: SocketAddr,
    path: &str,
    timeout: Duration,
    max_bytes: u64,
) -> Result<Value, Failure> {
    let told = |error: io::Error| {
        Failure::Failed(format!(
            "no answer from http://{address}{path}: {error}; is a node running there, with its admin server at that address?"
        ))
    };
    let Answer { status, body } = get(address, path, timeout, max_bytes).map_err(told)?;
    let object = serde_json::from_str(&body).ok().filter(|_| status == 200);
    object
        .ok_or_else(|| Failure::Failed(format!("http://{address}{path} answers {status}: {body}")))
}

/// Asks for what is at `path`, in at most `timeout` in all. More than `max_bytes` of an answer are refused.
pub(crate) fn get(
    address: SocketAddr,
    path: &str,
    timeout: Duration,
    max_bytes: u64,
) -> io::Result<Answer> {
    // Zero would mean no limit.
    let deadline = Instant::now() + timeout.max(Duration::from_millis(1));
    let left = || deadline.saturating_duration_since(Instant::now());
    let left = || left().max(Duration::from_millis(1));
    let mut stream = TcpStream::connect_timeout(&address, left())?;
    stream.set_write_timeout(Some(left()))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    let end = loop {
        stream.set_read_timeout(Some(left()))?;
        match stream.read(&mut part) {
            Ok(0) => break Ok(()),
            Ok(len) => answer.extend_from_slice(&part[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Err(error),
        }
        if answer.len() as u64 > max_bytes {
            break Err(io::Error::other(format!("more than {max_bytes} bytes")));
        }
        if Instant::now() >= deadline {
            break Err(io::ErrorKind::WouldBlock.into());
        }
    };
    match (parse(&answer), end) {
        (Err(error), _) if !answer.is_empty() => Err(error),
        (answer, Ok(())) => answer,
        (_, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::other(
            format!("nothing within {}", crate::text::duration(timeout)),
        )),
        (_, Err(error)) => Err(error),
    }
}

fn parse(answer: &[u8]) -> io::Result<Answer> {
    if is_zmtp(answer) {
        return Err(io::Error::other(
            "this is where a node listens for other nodes (`bind`); its admin server is at `admin.address`",
        ));
    }
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|version| version.split(' ').nth(1)?.parse().ok());
    let status =
        status.ok_or_else(|| io::Error::other("what answers there does not speak HTTP"))?;
    Ok(Answer {
        status,
        body: body.trim().to_owned(),
    })
}

/// The greeting of ZMTP, as far as it came: 0xff, eight bytes, 0x7f.
fn is_zmtp(answer: &[u8]) -> bool {
    answer.first() == Some(&0xff) && answer.get(9).is_none_or(|end| *end == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer = parse(b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\n{\"ready\":false}\n");
        let body = "{\"ready\":false}".to_owned();
        assert_eq!(answer.unwrap(), Answer { status: 503, body });
    }

    #[test]
    fn what_is_no_admin_server_is_told_as_what_it_is() {
        let told = |answer: &[u8]| parse(answer).unwrap_err().to_string();
        assert!(told(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03").contains("admin.address"));
        assert!(told(b"SSH-2.0-OpenSSH_9.2\r\n").contains("does not speak HTTP"));
        assert!(told(b"").contains("does not speak HTTP"));
    }
}
