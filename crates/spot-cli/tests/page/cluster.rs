//! Three nodes, of which two see each other through the third. One is killed, and returns.

use std::path::Path;

use rustix::process::Signal;

use crate::browser::Browser;
use crate::support::Spot;
use crate::{assert_sound, node};

/// What a hostile peer would choose as names.
const HOSTILE: &str = "<img src=x onerror=document.body.remove()>";
const GAMMA: &str = "gamma<b>";

pub(crate) fn a_node_is_killed_and_returns(browser: &mut Browser, images: &Path) {
    let (_beta, at_beta) = Spot::node(&["--name", "beta", "--relay", "--topic", "sensor:temp"]);
    let gamma = ["--name", GAMMA, "--peer", &at_beta, "--topic", HOSTILE];
    let (killed, at_gamma) = Spot::node(&gamma);
    let alpha = [
        "--name",
        "alpha",
        "--relay",
        "--peer",
        &at_beta,
        "--topic",
        "game:score",
    ];
    let (alpha, at_alpha, page) = node(&alpha);
    browser.look(1280, 1500, "light");
    browser.open(&page);
    let photograph = |browser: &mut Browser, state: &str| {
        browser.photograph(&images.join(format!("page-{state}.png")));
    };

    browser.wait_for("document.querySelector('#name')?.textContent === 'alpha'");
    browser.wait_for("document.querySelector('#health').textContent === '✓ ready'");
    browser.wait_for(&shown("beta", "alive", "linked"));
    browser.wait_for(&shown(GAMMA, "alive", "relayed"));
    browser.wait_for("document.querySelector('#partition').hidden");
    what_peers_choose_is_text(browser);
    let mut sub = Spot::run(&["sub", "sensor:temp", "--peer", &at_alpha]);
    sub.wait_for("subscribed to");
    let mut publisher = Spot::run(&["pub", "sensor:temp", "--peer", &at_alpha]);
    rates_are_live(browser, &mut publisher);
    photograph(browser, "whole");
    browser.look(1280, 1500, "dark");
    photograph(browser, "whole-dark");
    browser.look(1280, 1500, "light");

    // Frozen it is suspected before it counts as down.
    killed.signal(Signal::STOP);
    browser.wait_for(&shown(GAMMA, "suspect", "relayed"));
    browser
        .wait_for("document.querySelector('#topology .suspect .word').textContent === 'suspect'");
    photograph(browser, "suspect");
    killed.signal(Signal::KILL);
    browser.wait_for(&format!(
        "document.querySelector('{} .word')?.textContent === 'down'",
        symbol(GAMMA)
    ));
    browser.wait_for(
        "document.querySelector('#partition').textContent.includes('2 of 3 members are reachable')",
    );
    browser.wait_for("document.querySelector('#topology svg').dataset.partitioned === 'true'");
    browser.wait_for("document.querySelector('#topics-summary').textContent.startsWith('2 known')");
    browser.wait_for("document.querySelector('#events-list [data-event=member-down]')");
    browser.wait_for("document.querySelector('#announcer').textContent !== ''");
    photograph(browser, "down");
    it_reads_well_on_a_phone(browser, images);

    let port = at_gamma.rsplit_once(':').expect("a port").1;
    let bind = format!("tcp://127.0.0.1:{port}");
    drop(killed);
    let mut returned = Spot::run(&[&["node", "--bind", &bind], &gamma[..]].concat());
    returned.endpoint();
    browser.wait_for(&shown(GAMMA, "alive", "relayed"));
    browser.wait_for("document.querySelector('#partition').hidden");
    browser.wait_for("document.querySelector('#events-list [data-event=heal]')");
    photograph(browser, "returned");
    by_keyboard(browser);

    the_node_itself_dies_and_returns(browser, alpha, &page, &at_beta);
    assert_sound(browser, &page);
}

fn symbol(name: &str) -> String {
    format!("#topology .node[data-name=\"{name}\"]")
}

/// That the picture has a member in a state, at the end of a line.
fn shown(name: &str, state: &str, line: &str) -> String {
    let symbol = symbol(name);
    format!("document.querySelector('{symbol}[data-state={state}][data-line={line}]')")
}

fn what_peers_choose_is_text(browser: &mut Browser) {
    let cells = "[...document.querySelectorAll('#topics-table td')]";
    browser.wait_for(&format!(
        "{cells}.some((cell) => cell.lastChild.textContent === '{HOSTILE}')"
    ));
    assert_eq!(
        browser.value("document.querySelectorAll('img, #topology b').length"),
        0
    );
}

/// What is relayed shows, as a number and as a line.
fn rates_are_live(browser: &mut Browser, publisher: &mut Spot) {
    let rate = "document.querySelector('[data-rate=relayed_messages]')?.textContent";
    for _ in 0..200 {
        publisher.type_in(b"21.5\n");
        if browser.value(&format!("Number({rate}) > 0")) == true {
            break;
        }
        browser.value("new Promise((done) => setTimeout(done, 100))");
    }
    browser.wait_for("document.querySelector('#traffic-chart canvas')");
}

fn it_reads_well_on_a_phone(browser: &mut Browser, images: &Path) {
    for (scheme, height) in [("light", 800), ("dark", 800)] {
        browser.look(360, height, scheme);
        browser.wait_for("document.querySelector('#topology svg').getAttribute('width') <= 340");
        browser.wait_for(&format!(
            "document.querySelector('{} .word')",
            symbol(GAMMA)
        ));
        let too_wide = "document.documentElement.scrollWidth > 360";
        assert_eq!(browser.value(too_wide), false, "it scrolls sideways");
        browser.photograph(&images.join(format!("page-phone-{scheme}.png")));
    }
    browser.look(1280, 1500, "light");
    browser.wait_for("document.querySelector('#topology svg').getAttribute('width') > 340");
}

/// The first stop is the way past the head; a table is sorted by the button of its column.
fn by_keyboard(browser: &mut Browser) {
    browser.press("Tab", 9);
    browser.wait_for("document.activeElement.className === 'skip'");
    browser.press("Enter", 13);
    browser.wait_for("location.hash === '#main'");
    browser.value("document.querySelectorAll('#peers-table th button')[2].focus()");
    assert_ne!(
        browser.value("getComputedStyle(document.activeElement).outlineStyle"),
        "none"
    );
    let sort = "document.querySelectorAll('#peers-table th')[2].getAttribute('aria-sort')";
    for expected in ["ascending", "descending"] {
        browser.press("Enter", 13);
        browser.wait_for(&format!("{sort} === '{expected}'"));
    }
}

fn the_node_itself_dies_and_returns(browser: &mut Browser, alpha: Spot, page: &str, at_beta: &str) {
    drop(alpha);
    browser.wait_for("document.querySelector('#health').dataset.health === 'silent'");
    browser.wait_for("document.querySelector('#events-state').dataset.live === 'false'");
    let address = page.strip_prefix("http://").expect("an address");
    let mut alpha = Spot::run(&[
        "node",
        "--name",
        "alpha again",
        "--bind",
        "tcp://127.0.0.1:0",
        "--peer",
        at_beta,
        "--admin",
        address,
    ]);
    alpha.endpoint();
    browser.wait_for("document.querySelector('#name').textContent === 'alpha again'");
    browser.wait_for("document.querySelector('#health').textContent === '✓ ready'");
    browser.wait_for("document.querySelector('#events-state').dataset.live === 'true'");
    // The events of its new life, after those of the old one.
    browser.wait_for("document.querySelectorAll('#events-list [data-event=peer-up]').length > 1");
}
