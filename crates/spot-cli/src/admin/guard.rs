//! Who may ask: no web page of somebody else, by way of a browser on this machine.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::server::problem;

/// Passes a request on unless a browser was led here. A page whose name an attacker points at 127.0.0.1 (DNS rebinding)
/// asks by that name; a page of another site names itself as the origin.
pub(super) async fn check(address: SocketAddr, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = text(headers, header::HOST);
    if address.ip().is_loopback() && !host.is_some_and(is_this_machine) {
        return problem(
            StatusCode::FORBIDDEN,
            "this server is for this machine: ask it as 127.0.0.1 or localhost, or give it another address",
        );
    }
    let origin = text(headers, header::ORIGIN);
    let own = |origin: &str| origin.split_once("://").map(|(_, of)| of) == host;
    if origin.is_some_and(|origin| !own(origin)) {
        return problem(
            StatusCode::FORBIDDEN,
            "pages of other sites may not ask this server",
        );
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a Host header has an address, which no name can be pointed at, or the name of this machine.
fn is_this_machine(host: &str) -> bool {
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if bare.unwrap_or(host).parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_this_machine_and_names_are_not() {
        for host in [
            "127.0.0.1:8222",
            "127.0.0.1",
            "[::1]:8222",
            "[::1]",
            "localhost:1",
            "LOCALHOST",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8222",
            "localhost.evil.example",
            "127.0.0.1.evil.example:1",
            "",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
