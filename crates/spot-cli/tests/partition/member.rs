//! A member of the cluster that publishes by itself, and refuses to in a minority. `spot node` only passes on what others
//! publish.

use std::thread;

use serverlink::{Minority, Node, PublishError};

use crate::nodes::{TICK, endpoint, of};
use crate::support::DEADLINE;

/// Set where this program is to be such a member: the number of its host.
pub(crate) const HOST: &str = "SPOT_TEST_MEMBER";

/// Publishes on its own topic, and tells each change: whether it is refused, and which topics it can reach.
pub(crate) fn run(host: usize, hosts: usize) -> ! {
    let node = Node::builder()
        .name(format!("node{host}"))
        .bind("tcp://0.0.0.0:5555")
        .topic(of(host))
        .options(|options| {
            options.cluster_size = Some(hosts);
            options.minority = Minority::Refuse;
        })
        .start()
        .expect("it starts");
    for other in (0..hosts).filter(|other| *other != host) {
        node.add_peer(&endpoint(other)).expect("it is added once");
    }
    // So that it knows which nodes its peers are: what those offer stays known while they are out of reach.
    node.sync(DEADLINE).expect("all peers are there");
    let (mut told, mut number) = (String::new(), 0);
    loop {
        let data = (number + 1).to_string();
        let what = match node.publish(&of(host), data) {
            Ok(()) => {
                number += 1;
                String::from("publishing")
            }
            Err(error @ PublishError::Minority { .. }) => format!("refused: {error}"),
            Err(error) => panic!("{error}"),
        };
        let tells = format!("{}; {what}", registry(&node));
        if told != tells {
            eprintln!("{tells}");
            told = tells;
        }
        thread::sleep(TICK);
    }
}

/// The topics known, those out of reach with a question mark.
fn registry(node: &Node) -> String {
    let topics = node.topics();
    let names = topics.iter().map(|topic| {
        let mark = if topic.reachable { "" } else { "?" };
        format!("{}{mark}", topic.name)
    });
    names.collect::<Vec<_>>().join(" ")
}
