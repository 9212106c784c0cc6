//! What the command line accepts. Variables of the environment are tested with real processes.

use clap::CommandFactory;

use super::*;

fn parse(args: &[&str]) -> Result<Command, String> {
    Cli::try_parse_from([&["spot"], args].concat())
        .map(|cli| cli.command)
        .map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn lists_are_trimmed_and_hold_each_value_once() {
    let Ok(Command::Node(node)) = parse(&["node", "--topic", " a,b", "--topic", "a "]) else {
        panic!("not a node");
    };
    assert_eq!(list(&node.topics), ["a", "b"]);
}

#[test]
fn repeated_flags_and_commas_add_up() {
    let Ok(Command::Node(node)) = parse(&["node", "--topic", "a,b", "--topic", "c"]) else {
        panic!("not a node");
    };
    assert_eq!(node.topics, ["a", "b", "c"]);
}

#[test]
fn waiting_for_subscribers_needs_a_bind() {
    let args = ["pub", "t", "x", "--wait-subscribers", "2"];
    assert!(parse(&args).unwrap_err().contains("--bind"));
    assert!(parse(&[&args[..], &["--bind", "tcp://*:0"]].concat()).is_ok());
}

#[test]
fn repeating_needs_data_and_raw_excludes_json() {
    assert!(parse(&["pub", "t", "-n", "3"]).is_err());
    assert!(parse(&["sub", "t", "--raw", "--json"]).is_err());
    assert!(parse(&["sub"]).is_err());
}

#[test]
fn names_and_patterns_are_checked_before_anything_starts() {
    let long = "x".repeat(256);
    for args in [["pub", &long], ["sub", &long], ["sub", "a[b"]] {
        let error = parse(&args).unwrap_err();
        assert!(error.contains("invalid value"), "{error}");
    }
}
