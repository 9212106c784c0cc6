//! The page of the admin server in a real browser, while nodes of a real cluster die and return.
//!
//! It is a program of its own, because it must be heard where there is no browser: then it is skipped.
//! `SPOT_TEST_IMAGES=DIRECTORY` keeps the pictures.

mod browser;
mod cluster;
mod many;
#[path = "../processes/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::path::{Path, PathBuf};

use browser::Browser;
use support::Spot;

fn main() {
    let Some(program) = browser::installed() else {
        eprintln!(
            "\n*** SKIPPED: the test of the page in a browser. There is no Chromium here: install the package chromium.\n"
        );
        return;
    };
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    let images = std::env::var_os("SPOT_TEST_IMAGES").map_or(scratch.join("images"), PathBuf::from);
    std::fs::create_dir_all(&images).expect("a directory for pictures");
    let mut browser = Browser::start(program, &scratch.join("profile"));
    cluster::a_node_is_killed_and_returns(&mut browser, &images);
    many::ten_thousand_topics_and_a_hundred_nodes(&mut browser, &scratch, &images);
    println!(
        "the page was tested in {program}; pictures: {}",
        images.display()
    );
}

/// A node with an admin server: itself, its endpoint, the address of the page.
fn node(args: &[&str]) -> (Spot, String, String) {
    let (mut node, endpoint) = Spot::node(&[args, &["--admin", "127.0.0.1:0"]].concat());
    let line = node.wait_for("admin server at http://");
    let (_, address) = line.split_once(" at ").expect("waited for it");
    (node, endpoint, address.to_owned())
}

/// Nothing broke, and nothing was asked of anybody but the node.
#[track_caller]
fn assert_sound(browser: &mut Browser, page: &str) {
    browser.open("about:blank");
    assert_eq!(browser.complaints, [""; 0]);
    let strangers: Vec<_> = browser
        .requested
        .drain(..)
        .filter(|url| !url.starts_with(page))
        .collect();
    assert_eq!(strangers, [""; 0], "outside {page}");
}
