//! Ten thousand topics, a hundred nodes, and names that mean harm.

use std::fmt::Write;
use std::path::Path;

use crate::browser::Browser;
use crate::support::Spot;
use crate::{assert_sound, node};

const TOPICS: usize = 10_000;

/// What a hostile peer would choose as a name and a topic.
const HOSTILE: &str = "<img src=x onerror=document.body.remove()>";

pub(crate) fn ten_thousand_topics_and_a_hundred_nodes(
    browser: &mut Browser,
    scratch: &Path,
    images: &Path,
) {
    let names: Vec<_> = (0..TOPICS)
        .map(|number| format!("\"plant:{number:05}\""))
        .collect();
    let config = scratch.join("many.toml");
    std::fs::write(&config, format!("topics = [{}]\n", names.join(","))).expect("written");
    let (_node, endpoint, page) = node(&[
        "--name",
        "many",
        "--config",
        config.to_str().expect("UTF-8"),
    ]);
    browser.look(1280, 1500, "light");
    browser.open(&page);
    let told = "document.querySelector('#topics-table .told')?.textContent";
    let rows = "document.querySelectorAll('#topics-table tbody tr').length";
    browser.wait_for(&format!(
        "{told} === '200 of 10,000 shown: filter to see others'"
    ));
    assert_eq!(browser.value(rows), 200);
    browser.value("document.querySelectorAll('#topics-table th button')[0].click()");
    let first = "document.querySelector('#topics-table tbody td').lastChild.textContent";
    assert_eq!(browser.value(first), "plant:09999");
    browser.value(
        "{ const filter = document.querySelector('#topics-table input'); filter.value = 'PLANT:0123';
           filter.dispatchEvent(new Event('input')); }",
    );
    assert_eq!(browser.value(told), "10 of 10,000");
    assert_eq!(browser.value(rows), 10);
    what_peers_choose_is_text(browser, &endpoint);
    a_hundred_nodes(browser, images);
    assert_sound(browser, &page);
}

fn what_peers_choose_is_text(browser: &mut Browser, endpoint: &str) {
    let (_hostile, _) = Spot::node(&["--name", HOSTILE, "--topic", HOSTILE, "--peer", endpoint]);
    browser.value(
        "{ const filter = document.querySelector('#topics-table input'); filter.value = 'onerror';
           filter.dispatchEvent(new Event('input')); }",
    );
    for cell in [
        "#topics-table td",
        "#peers-table td",
        "#members-table tr:first-child td",
        "#topology title",
    ] {
        let text = format!("document.querySelector('{cell}')?.textContent");
        browser.wait_for(&format!("{text}?.includes('{HOSTILE}')"));
    }
    browser.wait_for("document.querySelector('#events-list').textContent.includes('onerror')");
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);
}

/// A hundred processes are more than a test may ask of a machine: the picture is drawn of an answer of that size.
fn a_hundred_nodes(browser: &mut Browser, images: &Path) {
    let mut members = String::new();
    for number in 0..100 {
        let state = match number {
            17 => "suspect",
            42 => "down",
            _ => "alive",
        };
        let _ = write!(
            members,
            "{{ node: 'n{number}', name: 'node-{number:02}', endpoints: ['tcp://10.0.0.{number}:5555'], state: '{state}' }},"
        );
    }
    browser.look(360, 800, "light");
    browser.value(&format!(
        "import('/page/topology.js').then(({{ drawTopology }}) => {{
           const members = [{members}];
           const peers = members.slice(1, 60).map(({{ node, name, endpoints: [endpoint] }}) => ({{ node, name, endpoint, state: 'connected', relays_for: node === 'n9' ? ['n80', 'n81', 'n82', 'n83'] : [] }}));
           drawTopology({{ answers: {{
             '/api/v1/node': {{ node: 'n0', name: 'node-00' }},
             '/api/v1/cluster': {{ size: 100, reachable: 99, quorum: 51, has_quorum: true, partitioned: true, members }},
             '/api/v1/peers': {{ peers }},
           }} }});
         }})"
    ));
    assert_eq!(
        browser.value("document.querySelectorAll('#topology .node').length"),
        100
    );
    let words =
        "[...document.querySelectorAll('#topology .word')].map((word) => word.textContent).join()";
    assert_eq!(browser.value(words), "suspect,down");
    assert_eq!(
        browser.value("document.documentElement.scrollWidth > 360"),
        false
    );
    browser.photograph(&images.join("page-hundred-nodes.png"));
}
