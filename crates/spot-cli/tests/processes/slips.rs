//! Slips of those who configure a node: each is told, with the place and what was meant.

use rustix::process::Signal;

use crate::configuration::{ConfigFile, with_env};
use crate::support::{NOBODY, Spot, command, spot};

#[test]
fn only_the_first_of_several_wrong_variables_was_told() {
    let wrong = [
        ("SPOT_BIND", "here"),
        ("SPOT_CLUSTER", "udp://a:1"),
        ("SPOT_CLUSTER_SIZE", "some"),
        ("SPOT_DISCOVERY", "rumour"),
        ("SPOT_HEARTBEAT_MISSES", "many"),
        ("SPOT_HISTORY", "-1"),
        ("SPOT_LOG", "loud"),
        ("SPOT_MINORITY", "rule"),
        ("SPOT_RELAY", "yes"),
        ("SPOT_TOPICS", "a,,b"),
    ];
    for (args, code) in [(&["node", "--check-config"][..], 1), (&["node"], 2)] {
        let done = with_env(args, &wrong);
        assert_eq!((done.code, done.stdout.len()), (Some(code), 0), "{done:#?}");
        let reason = done.reason();
        for (variable, value) in wrong {
            let place = format!("spot: {variable}: ");
            assert!(
                reason.contains(&place) && reason.contains(value),
                "{variable}: {reason}"
            );
        }
        assert_eq!(done.stderr.len(), wrong.len(), "{reason}");
    }
    // A flag wins also over a variable that is wrong.
    let args = ["node", "--check-config", "--bind", "tcp://127.0.0.1:0"];
    let done = with_env(&args, &[("SPOT_BIND", "here")]);
    assert_eq!(done.code, Some(0), "{done:#?}");
}

#[test]
fn a_misspelt_variable_is_told_with_the_one_that_was_meant() {
    let misspelt = ("SPOT_TOPCIS", "t");
    let told = "SPOT_TOPCIS is set and means nothing: did you mean SPOT_TOPICS?";
    let of_kubernetes = ("SPOT_PORT_5555_TCP_ADDR", "10.0.0.1");
    let checked = with_env(&["node", "--check-config"], &[misspelt, of_kubernetes]);
    assert_eq!(
        (checked.code, checked.stderr.len()),
        (Some(0), 1),
        "{checked:#?}"
    );
    assert!(checked.reason().contains(told), "{checked:#?}");
    let mut node = command(&["node", "--bind", "tcp://127.0.0.1:0"]);
    node.envs([misspelt, of_kubernetes]);
    let mut node = Spot::spawn(node);
    assert!(node.wait_for(told).contains(" WARN "));
    let endpoint = node.endpoint();
    let asked = with_env(&["topics", "--peer", &endpoint], &[misspelt]);
    assert_eq!(asked.code, Some(0), "{asked:#?}");
    assert!(asked.reason().contains(told), "{asked:#?}");
}

#[test]
fn a_port_in_use_did_not_say_where_it_was_asked_for() {
    let (_node, endpoint) = Spot::node(&[]);
    let file = ConfigFile::new("in-use", &format!("bind = '{endpoint}'\n"));
    let line = format!("{}:1: bind = {endpoint}: ", file.path());
    for (done, place) in [
        (spot(&["node", "--config", file.path()]), line.as_str()),
        (
            with_env(&["node"], &[("SPOT_BIND", &endpoint)]),
            "SPOT_BIND: bind = ",
        ),
        (spot(&["node", "--bind", &endpoint]), "--bind: bind = "),
    ] {
        assert_eq!(done.code, Some(1), "{done:#?}");
        assert!(
            done.reason().contains(place) && done.reason().contains("in use"),
            "{done:#?}"
        );
    }
}

#[test]
fn an_own_address_spelt_localhost_was_joined() {
    let file = ConfigFile::new("localhost", "bind = 'tcp://127.0.0.1:0'\n");
    let mut node = Spot::run(&["node", "--config", file.path()]);
    let endpoint = node.endpoint();
    let port = endpoint.rsplit(':').next().expect("a port");
    file.write(&format!(
        "bind = 'tcp://127.0.0.1:0'\npeers = ['tcp://localhost:{port}', '{NOBODY}']\n"
    ));
    node.signal(Signal::HUP);
    node.wait_for(&format!(
        "tcp://localhost:{port} is this node itself; left out"
    ));
    node.wait_for(&format!("joining {NOBODY}"));
}

#[test]
fn the_printed_configuration_kept_a_misspelt_variable_to_itself() {
    let done = with_env(&["node", "--print-config"], &[("SPOT_LOG_LEVEL", "debug")]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let told = "SPOT_LOG_LEVEL is set and means nothing: did you mean SPOT_LOG?";
    assert!(done.reason().contains(told), "{done:#?}");
}

#[test]
fn a_wrong_variable_of_a_tool_was_told_as_its_flag() {
    let done = with_env(&["topics"], &[("SPOT_CLUSTER", "foo")]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    let told = "this value is that of SPOT_CLUSTER, which stands for --peer";
    assert!(done.reason().contains(told), "{done:#?}");
    let done = with_env(&["topics", "--peer", "foo"], &[("SPOT_CLUSTER", NOBODY)]);
    assert_eq!(done.code, Some(2), "{done:#?}");
    assert!(!done.reason().contains("SPOT_CLUSTER"), "{done:#?}");
}

#[test]
fn a_list_written_as_in_a_file_was_taken_for_one_entry() {
    for list in ["peers=[\"tcp://a:1\"]", "topics=['a', 'b']"] {
        let done = spot(&["node", "--check-config", "--set", list]);
        assert_eq!(done.code, Some(1), "{done:#?}");
        assert!(
            done.reason().contains("no brackets and quotes here"),
            "{done:#?}"
        );
    }
    let done = spot(&["node", "--check-config", "--set", "topics=[a]"]);
    assert_eq!(
        done.code,
        Some(0),
        "a name may have any character: {done:#?}"
    );
}

#[test]
fn endpoints_that_cannot_be_bound_had_the_remedy_of_others() {
    let file = ConfigFile::new("no-socket", "");
    let ipc = format!("ipc://{}", file.path());
    for (endpoint, remedy) in [
        (ipc.as_str(), "is no socket: choose another path"),
        (
            "tcp://nowhere.invalid:5555",
            "is no name of an address of this machine",
        ),
    ] {
        let done = spot(&["node", "--bind", endpoint]);
        assert_eq!(done.code, Some(1), "{done:#?}");
        assert!(done.reason().contains(remedy), "{done:#?}");
        // A node that cannot listen has not started.
        assert!(!done.reason().contains("started"), "{done:#?}");
    }
}
