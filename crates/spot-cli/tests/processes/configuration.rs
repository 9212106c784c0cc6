//! A node configured by a file, the environment and flags.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::support::{Done, NOBODY, Spot, command, spot};

/// A file with this text, which lives as long as the test.
pub(crate) struct ConfigFile(PathBuf);

impl ConfigFile {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("spot-{name}-{}.toml", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(&self.0, text).expect("written");
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn with_env(args: &[&str], variables: &[(&str, &str)]) -> Done {
    let mut command = command(args);
    command.envs(variables.iter().copied());
    Spot::spawn(command).finish()
}

/// The line of a printed configuration that begins with `key =`.
#[track_caller]
fn line_of(done: &Done, key: &str) -> String {
    let start = format!("{key} = ");
    let line = done.stdout.iter().find(|line| line.starts_with(&start));
    line.unwrap_or_else(|| panic!("no {key} in {done:#?}"))
        .clone()
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let text =
        "history = 1\nlinger_ms = 1\nname = 'file'\n[tcp]\nnodelay = false\nkeepalive_count = 9\n";
    let file = ConfigFile::new("layers", text);
    let variables = [
        ("SPOT_CONFIG", file.path()),
        ("SPOT_HISTORY", "2"),
        ("SPOT_LINGER_MS", "2"),
        ("SPOT_NAME", "variable"),
        ("SPOT_TCP_KEEPALIVE_COUNT", "8"),
    ];
    let flags = [
        "node",
        "--print-config",
        "--history",
        "3",
        "--set",
        "linger_ms=3",
    ];
    let done = with_env(&flags, &variables);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    for (key, value, source) in [
        ("history", "3", "# --history"),
        ("linger_ms", "3", "# --set"),
        ("name", "\"variable\"", "# SPOT_NAME"),
        ("keepalive_count", "8", "# SPOT_TCP_KEEPALIVE_COUNT"),
        ("nodelay", "false", &format!("# {}:5", file.path())),
        ("hwm", "1000", "# default"),
    ] {
        let line = line_of(&done, key);
        assert!(line.starts_with(&format!("{key} = {value} ")), "{line}");
        assert!(line.contains(source), "{line}");
    }
}

#[test]
fn what_is_printed_is_a_file_that_means_the_same() {
    let args = [
        "node",
        "--print-config",
        "--topic",
        "a\"b,c d",
        "--peer",
        "tcp://a:1",
        "--relay",
        "--route",
        "x:y=tcp://b:1,tcp://c:1",
        "--route",
        "z=ipc:///z",
        "--cluster-size",
        "5",
        "--set",
        "limits.hwm=0",
        "--set",
        "tcp.send_buffer_bytes=9000",
        "--set",
        "log.output=/tmp/x.log",
    ];
    let first = spot(&args);
    assert_eq!(first.code, Some(0), "{}", first.reason());
    let file = ConfigFile::new("printed", &first.stdout.join("\n"));
    let second = spot(&["node", "--config", file.path(), "--print-config"]);
    assert_eq!(second.code, Some(0), "{}", second.reason());
    let values = |done: &Done| -> Vec<String> {
        let lines = done.stdout.iter().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                line.split(" # ")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(values(&first), values(&second));
    assert!(values(&second).contains(&"\"x:y\" = [\"tcp://b:1\", \"tcp://c:1\"]".into()));
}

#[test]
fn all_that_is_wrong_is_told_with_file_line_key_value_and_remedy() {
    let text = "topcis = ['t']\nbind = 'tcp://127.0.0.1'\nlog = 'debug'\n[tcp]\nnodelay = 'yes'\n\
                [routes]\nx = []\n[heartbeat]\nmisses = 0\n";
    let file = ConfigFile::new("wrong", text);
    let at = |line: u32, rest: &str| format!("spot: {}:{line}: {rest}", file.path());
    let told = [
        at(1, "topcis: unknown key: did you mean \"topics\"?"),
        at(
            2,
            "bind = 'tcp://127.0.0.1': the endpoint \"tcp://127.0.0.1\" has no port",
        ),
        at(
            3,
            "log = 'debug': this is a table: write [log], and below it level, format, output",
        ),
        at(
            5,
            "tcp.nodelay = 'yes': write true or false, without quotes; this is of type string",
        ),
        at(
            7,
            "routes.\"x\" = []: topic \"x\" has 0 endpoints: write 1 to 16",
        ),
        at(
            9,
            "heartbeat.misses = 0: write a whole number from 1 to 100",
        ),
    ];
    for args in [&["--check-config"][..], &[]] {
        let done = spot(&[&["node", "--config", file.path()], args].concat());
        assert_eq!((done.code, done.stdout.len()), (Some(1), 0), "{done:#?}");
        assert_eq!(done.stderr.len(), told.len(), "{done:#?}");
        for (line, start) in done.stderr.iter().zip(&told) {
            assert!(line.starts_with(start), "{line}\n{start}");
        }
    }
    file.write("topics = ['t']\n");
    let done = spot(&["node", "--config", file.path(), "--check-config"]);
    assert_eq!((done.code, done.stdout.len()), (Some(0), 1), "{done:#?}");
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let missing = "/nonexistent/spot.toml";
    let done = with_env(&["node"], &[("SPOT_CONFIG", missing)]);
    assert_eq!(done.code, Some(1));
    for word in [missing, "No such file", "--config or SPOT_CONFIG"] {
        assert!(done.reason().contains(word), "{}", done.reason());
    }
    let file = ConfigFile::new("torn", "name = 'a'\ntopics = [\n");
    let done = spot(&["node", "--config", file.path()]);
    assert_eq!(done.code, Some(1));
    let place = format!("{}:2: not TOML", file.path());
    assert!(done.reason().contains(&place), "{}", done.reason());
}

#[test]
fn a_wrong_variable_or_flag_is_a_usage_error_that_names_it() {
    for (variable, value, told) in [
        (
            "SPOT_HEARTBEAT_MISSES",
            "many",
            "SPOT_HEARTBEAT_MISSES: heartbeat.misses = many",
        ),
        ("SPOT_TCP_NODELAY", "yes", "1 or true"),
        ("SPOT_LOG", "loud", "error, warn, info"),
        ("SPOT_ADMIN", "here", "IP:PORT"),
        ("SPOT_ROUTES", "t", "TOPIC=ENDPOINT"),
    ] {
        let done = with_env(&["node"], &[(variable, value)]);
        assert_eq!(done.code, Some(2), "{done:#?}");
        assert!(done.reason().contains(told), "{}", done.reason());
    }
    let done = spot(&["node", "--set", "tcp.nodleay=false"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.reason().contains("\"tcp.nodelay\""),
        "{}",
        done.reason()
    );
}

#[test]
fn a_hang_up_changes_peers_topics_options_and_the_log_level() {
    let (mut other, at_other) = Spot::node(&["--name", "other", "--topic", "there"]);
    let bind = "bind = 'tcp://127.0.0.1:0'\nname = 'changing'\n";
    let file = ConfigFile::new("hang-up", &format!("{bind}topics = ['old', 'kept']\n"));
    let mut node = Spot::run(&["node", "--config", file.path()]);
    let endpoint = node.endpoint();
    let topics = || {
        let mut topics = spot(&["topics", "--peer", &endpoint, "--json"]).stdout;
        topics.retain(|line| line.contains("topic"));
        topics.join("")
    };
    assert!(topics().contains("\"old\""));

    file.write(&format!(
        "{bind}topics = ['kept', 'new']\npeers = ['{at_other}']\nrelay = true\n[log]\nlevel = 'debug'\n"
    ));
    node.signal(Signal::HUP);
    node.wait_for("peers has changed");
    node.wait_for("hosting new");
    assert!(other.wait_for(" up").contains("changing"));
    let now = topics();
    for (topic, is_there) in [
        ("old", false),
        ("kept", true),
        ("new", true),
        ("there", true),
    ] {
        assert_eq!(
            now.contains(&format!("\"{topic}\"")),
            is_there,
            "{topic}: {now}"
        );
    }

    // What is wrong changes nothing.
    file.write(&format!("{bind}topcis = []\n"));
    node.signal(Signal::HUP);
    node.wait_for("topcis: unknown key");
    node.wait_for("stays as it was");
    assert!(topics().contains("\"new\""));

    // What cannot change live is told, and told again; peers that are taken out are left.
    file.write("bind = 'tcp://127.0.0.1:1'\nname = 'changing'\ntopics = ['kept', 'new']\n");
    for _ in 0..2 {
        node.signal(Signal::HUP);
        node.wait_for("bind has changed in the configuration: start the node anew");
    }
    other.wait_for("peer changing");
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
}

#[test]
fn a_route_stands_once_its_node_is_there() {
    let file = ConfigFile::new("route", "");
    let late = std::env::temp_dir().join(format!("spot-late-{}", std::process::id()));
    let late = format!("ipc://{}", late.display());
    let text = |more: &str| format!("bind = 'tcp://127.0.0.1:0'\nrelay = true\n{more}");
    file.write(&text(&format!("[routes]\nt = ['{NOBODY}', '{late}']\n")));
    let mut node = Spot::run(&["node", "--config", file.path()]);
    let endpoint = node.endpoint();
    node.wait_for("cannot route t");
    let _owner = Spot::run(&["node", "--bind", &late, "--topic", "t"]);
    node.wait_for(&format!("routing t to {NOBODY},{late}"));
    let mut sub = Spot::run(&["sub", "t", "-n", "1", "--peer", &endpoint]);
    sub.wait_for("subscribed to");
    assert_eq!(spot(&["pub", "t", "x", "--peer", &endpoint]).code, Some(0));
    assert_eq!(sub.finish().stdout, ["t x"]);

    // A topic that is no longer routed may be hosted.
    file.write(&text("topics = ['t']\n"));
    node.signal(Signal::HUP);
    node.wait_for("t is not routed any more");
    node.wait_for("hosting t");
}

#[test]
fn the_log_goes_to_a_file_that_may_be_moved_away() {
    let log = ConfigFile::new("log", "");
    let moved = ConfigFile::new("log-moved", "");
    let file = ConfigFile::new(
        "logging",
        &format!(
            "bind = 'tcp://127.0.0.1:0'\n[log]\nformat = 'json'\noutput = '{}'\n",
            log.path()
        ),
    );
    let mut command = command(&["node", "--config", file.path()]);
    // The file says it.
    command.env_remove("SPOT_LOG_FORMAT");
    let node = Spot::spawn(command);
    let wait_for = |text: &str| {
        let deadline = std::time::Instant::now() + crate::support::DEADLINE;
        loop {
            let lines = fs::read_to_string(log.path()).unwrap_or_default();
            if let Some(line) = lines.lines().find(|line| line.contains(text)) {
                return serde_json::from_str::<serde_json::Value>(line).expect("an object");
            }
            assert!(
                std::time::Instant::now() < deadline,
                "no {text:?} in {lines}"
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    let line = wait_for("listening on");
    assert_eq!(line["level"], "INFO");
    fs::rename(log.path(), moved.path()).expect("moved");
    node.signal(Signal::HUP);
    wait_for("nothing has changed");
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
    wait_for("stopped");
}

#[test]
fn a_log_that_cannot_be_written_is_told_before_anything_starts() {
    let done = spot(&["node", "--set", "log.output=/nonexistent/log"]);
    assert_eq!(done.code, Some(1));
    for word in ["/nonexistent/log", "log.output"] {
        assert!(done.reason().contains(word), "{}", done.reason());
    }
}

#[test]
fn a_log_on_a_full_disk_ends_no_node() {
    let endpoint = format!(
        "ipc://{}/spot-full-{}",
        std::env::temp_dir().display(),
        std::process::id()
    );
    let args = ["node", "--bind", &endpoint, "--set", "log.output=/dev/full"];
    let node = Spot::run(&args);
    let done = spot(&["sync", "--peer", &endpoint, "--timeout", "30"]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    node.signal(Signal::TERM);
    let done = node.finish();
    assert_eq!(done.code, Some(0));
    // Once, and not for every line.
    let told = done
        .stderr
        .iter()
        .filter(|line| line.contains("/dev/full: No space left"));
    assert_eq!(
        (told.count(), done.stderr.len()),
        (1, 1),
        "{}",
        done.reason()
    );
}

#[test]
fn the_end_does_not_wait_for_a_configuration_that_takes_long_to_change() {
    let text = |topic: &str| {
        format!(
            "bind = 'tcp://127.0.0.1:0'\nroute_timeout_ms = 600000\n[routes]\n{topic} = '{NOBODY}'\n"
        )
    };
    let file = ConfigFile::new("long", &text("one"));
    let mut node = Spot::run(&["node", "--config", file.path()]);
    node.endpoint();
    file.write(&text("two"));
    node.signal(Signal::HUP);
    node.wait_for("routes has changed");
    node.signal(Signal::TERM);
    let done = node.finish();
    assert_eq!(done.code, Some(0), "{}", done.reason());
}

#[test]
fn a_hang_up_that_made_the_log_quieter_kept_its_other_changes_to_itself() {
    let file = ConfigFile::new("quieter", "bind = 'tcp://127.0.0.1:0'\ntopics = ['old']\n");
    let mut node = Spot::run(&["node", "--config", file.path()]);
    node.endpoint();
    file.write(
        "bind = 'tcp://127.0.0.1:0'\ntopics = ['new']\nhistory = 7\n[log]\nlevel = 'warn'\n",
    );
    node.signal(Signal::HUP);
    node.wait_for_each(vec![
        "topics has changed: +new -old".into(),
        "history has changed: from 0 to 7".into(),
        "log.level has changed: from \"info\" to \"warn\"".into(),
        "hosting old no more".into(),
        "hosting new".into(),
    ]);
}
