//! What the library shows to the linker, and that the header tells the same.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{LIBRARY, include_dir, run};

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    assert_eq!(exported(), declared());
}

#[test]
fn the_soname_has_the_abi_number() {
    let dynamic = run(Command::new("readelf")
        .arg("-d")
        .arg(LIBRARY.join("libserverlink.so")));
    let dynamic = String::from_utf8_lossy(&dynamic.stdout).into_owned();
    assert!(
        dynamic.contains("Library soname: [libserverlink.so.0]"),
        "{dynamic}"
    );
}

fn exported() -> BTreeSet<String> {
    let library = LIBRARY.join("libserverlink.so");
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library));
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    symbols
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(str::to_owned)
        .collect()
}

/// The words before a parenthesis in what follows `SLK_EXPORT`.
fn declared() -> BTreeSet<String> {
    let header = include_dir().join("serverlink/serverlink.h");
    let header = std::fs::read_to_string(header).expect("the header is there");
    let declarations = header.split("\nSLK_EXPORT ").skip(1);
    let before_parenthesis = declarations.filter_map(|declaration| declaration.split('(').next());
    before_parenthesis
        .filter_map(|text| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next_back()
        })
        .map(str::to_owned)
        .collect()
}
