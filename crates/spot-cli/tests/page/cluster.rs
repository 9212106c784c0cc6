//! Three nodes, of which two see each other through the third. One is killed, and returns.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use crate::browser::Browser;
use crate::support::Spot;
use crate::{assert_sound, node};

const GAMMA: &str = "gamma";

pub(crate) fn a_node_is_killed_and_returns(browser: &mut Browser, images: &Path) {
    let (_beta, at_beta) = Spot::node(&["--name", "beta", "--relay", "--topic", "sensor:temp"]);
    let gamma = ["--name", GAMMA, "--peer", &at_beta, "--topic", "chat:lobby"];
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
    // The way to it leads through the hub.
    browser.wait_for(&format!(
        "document.querySelector('#topology .line[data-to={GAMMA}][data-hub=beta]')"
    ));
    browser.wait_for("document.querySelector('#partition').hidden");
    let traffic = Traffic::start(&at_alpha);
    rates_are_live(browser);
    photograph(browser, "whole");
    browser.look(1280, 1500, "dark");
    photograph(browser, "whole-dark");
    browser.look(1280, 1500, "light");

    // Frozen it is suspected before it counts as down.
    killed.signal(Signal::STOP);
    if suspicion_shows(browser) {
        photograph(browser, "suspect");
    }
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
    traffic.stop();

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

/// Messages that the node with the page relays, some thirty a second, until it is stopped.
struct Traffic {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    _subscriber: Spot,
}

impl Traffic {
    fn start(endpoint: &str) -> Self {
        let mut subscriber = Spot::run(&["sub", "sensor:temp", "--peer", endpoint]);
        subscriber.wait_for("subscribed to");
        let mut publisher = Spot::run(&["pub", "sensor:temp", "--peer", endpoint]);
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(30)) == Err(RecvTimeoutError::Timeout)
            {
                publisher.type_in(b"21.5\n");
            }
        });
        Self {
            stop,
            thread,
            _subscriber: subscriber,
        }
    }

    fn stop(self) {
        drop(self.stop);
        self.thread.join().expect("the publisher read all");
    }
}

/// What is relayed shows, as a number and as a line.
fn rates_are_live(browser: &mut Browser) {
    let relayed = "document.querySelector('[data-rate=relayed_messages]')?.textContent";
    browser.wait_for(&format!("Number({relayed}) > 0"));
    browser.wait_for("document.querySelector('#traffic-chart canvas')");
    // That of the topic, too, and how long the peer takes to answer.
    let some = |table: &str, column: &str, is_there: &str| {
        format!(
            "(() => {{ const heads = [...document.querySelectorAll('{table} th')];
                const at = heads.findIndex((head) => head.textContent === '{column}');
                const rows = [...document.querySelectorAll('{table} tbody tr')];
                return rows.some((row) => {{ const text = row.cells[at].lastChild.textContent; return {is_there}; }}); }})()"
        )
    };
    browser.wait_for(&some("#topics-table", "Per second", "Number(text) > 0"));
    browser.wait_for(&some(
        "#peers-table",
        "Round trip",
        "/^[0-9.]+ (µs|ms|s)$/.test(text)",
    ));
}

/// Suspicion passes: a machine with much else to do may show the end of it first, but the log has it.
fn suspicion_shows(browser: &mut Browser) -> bool {
    let of_gamma = format!("document.querySelector('{}')", symbol(GAMMA));
    browser.wait_for(&format!(
        "['suspect', 'down'].includes({of_gamma}?.dataset.state)"
    ));
    browser.wait_for("document.querySelector('#events-list [data-event=member-suspect]')");
    let word = browser.value(&format!("{of_gamma}.querySelector('.word').textContent"));
    assert!(
        ["suspect", "down"].iter().any(|state| word == *state),
        "{word}"
    );
    word == "suspect"
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
