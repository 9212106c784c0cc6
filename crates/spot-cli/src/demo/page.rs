//! The page of a node of the demo.

use std::net::{Ipv4Addr, SocketAddr};

use super::mesh::Member;
use super::story::Story;
use crate::admin::{self, AdminServer};
use crate::config::Admin;
use crate::failure::Failure;

/// Serves the page of a member until the program ends. Returns where.
pub(super) fn offer(story: &mut Story, member: &Member) -> Result<String, Failure> {
    // The default port may be that of a real node.
    let admin = Admin {
        address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        asked_for: true,
        minimum_peers: 0,
        metrics_topics: 0,
    };
    let listener = admin::listen(&admin)?;
    let address = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let endpoints = vec![member.endpoint.clone()];
    AdminServer::start(
        listener,
        &admin,
        &member.node,
        Some(member.name.to_owned()),
        endpoints,
    )?;
    let page = address.map_or(String::new(), |address| format!("http://{address}"));
    story.say(&format!(
        "{:5} has its page at {page} while this runs (--keep: until Ctrl-C)",
        member.name
    ));
    Ok(page)
}
