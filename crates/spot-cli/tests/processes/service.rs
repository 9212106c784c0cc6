//! What a service manager hears of a node, and what a package holds beside the program.

use std::ffi::OsString;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::support::{DEADLINE, Spot, command, spot};

/// The socket of a service manager.
struct Manager(UnixDatagram);

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).expect("set");
        Self(socket)
    }

    #[track_caller]
    fn hears(&self) -> String {
        let mut told = [0; 256];
        let len = self.0.recv(&mut told).expect("something is told");
        String::from_utf8_lossy(&told[..len]).into_owned()
    }

    fn has_heard_all(&self) -> bool {
        self.0.set_nonblocking(true).expect("set");
        self.0.recv(&mut [0; 256]).is_err()
    }
}

fn node(args: &[&str], socket: impl Into<OsString>) -> Spot {
    let mut command = command(&[&["node", "--bind", "tcp://127.0.0.1:0"], args].concat());
    command.env("NOTIFY_SOCKET", socket.into());
    Spot::spawn(command)
}

#[test]
fn the_service_manager_hears_of_start_reload_and_end() {
    let dir = TempDir::new().expect("a temporary directory");
    let socket = dir.path().join("notify");
    let manager = Manager::new(UnixDatagram::bind(&socket).expect("bound"));
    let config = dir.path().join("spot.toml");
    fs::write(&config, "topics = ['t']\n").expect("written");
    let mut node = node(&["--config", config.to_str().expect("UTF-8")], &socket);

    assert_eq!(manager.hears(), "READY=1");
    // Ready means that it can be connected to.
    let endpoint = node.endpoint();
    assert_eq!(spot(&["sync", "--peer", &endpoint]).code, Some(0));

    // Also where what it reads is wrong: it goes on as it was.
    for text in ["topics = ['t', 'u']\n", "topcis = []\n"] {
        fs::write(&config, text).expect("written");
        let before_us = monotonic_us();
        node.signal(Signal::HUP);
        let told = manager.hears();
        let since = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        let since_us: i64 = since.and_then(|text| text.parse().ok()).expect(&told);
        assert!((before_us..=monotonic_us()).contains(&since_us), "{told}");
        assert_eq!(manager.hears(), "READY=1");
    }

    node.signal(Signal::TERM);
    assert_eq!(manager.hears(), "STOPPING=1");
    assert_eq!(node.finish().code, Some(0));
    assert!(manager.has_heard_all());
}

fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[test]
fn the_socket_of_the_service_manager_may_be_abstract() {
    let name = format!("spot-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let manager = Manager::new(UnixDatagram::bind_addr(&address).expect("bound"));
    let _node = node(&[], format!("@{name}"));
    assert_eq!(manager.hears(), "READY=1");
}

#[test]
fn a_node_that_cannot_bind_is_never_ready() {
    let dir = TempDir::new().expect("a temporary directory");
    let socket = dir.path().join("notify");
    let manager = Manager::new(UnixDatagram::bind(&socket).expect("bound"));
    let (_holder, endpoint) = Spot::node(&[]);
    let done = node(&["--bind", &endpoint], &socket).finish();
    assert_eq!(done.code, Some(1), "{}", done.reason());
    assert!(manager.has_heard_all());
}

#[test]
fn a_service_manager_that_is_gone_ends_no_node() {
    let mut node = node(&[], "/nonexistent/notify");
    node.wait_for("cannot tell the service manager at /nonexistent/notify");
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
}

#[test]
fn there_is_a_man_page_for_the_program_and_for_each_command() {
    let dir = TempDir::new().expect("a temporary directory");
    let pages = dir.path().join("man1");
    let done = spot(&["man", pages.to_str().expect("UTF-8")]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    let help = spot(&["--help"]).stdout;
    let commands = help.iter().skip_while(|line| *line != "Commands:").skip(1);
    let mut count = 0;
    for line in commands.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().expect("a command");
        if name == "help" {
            continue;
        }
        let page = fs::read_to_string(pages.join(format!("spot-{name}.1"))).expect(name);
        assert!(page.contains(&format!(".TH spot-{name} 1")), "{page}");
        count += 1;
    }
    assert!(count >= 10, "{help:#?}");
    let program = fs::read_to_string(pages.join("spot.1")).expect("a page for the program");
    assert!(program.contains("spot\\-node(1)"), "{program}");
    assert!(!program.contains("completions"), "{program}");
    // The examples keep their lines.
    assert!(program.contains(".SH NOTES\n.nf\n"), "{program}");

    let done = spot(&["man", "/dev/null/man1"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.reason().contains("/dev/null/man1"),
        "{}",
        done.reason()
    );
}

#[test]
fn shells_complete_commands_and_flags() {
    for (shell, beginning) in [
        ("bash", "_spot() {"),
        ("zsh", "#compdef spot"),
        ("fish", "# Print"),
    ] {
        let done = spot(&["completions", shell]);
        assert_eq!(done.code, Some(0), "{}", done.reason());
        assert!(done.stdout[0].starts_with(beginning), "{}", done.stdout[0]);
        let script = done.stdout.join("\n");
        assert!(script.contains("cluster-size"), "{script}");
    }
    // What bash makes of it, as at a TAB after `spot no` and after `spot node --ch`.
    let script = spot(&["completions", "bash"]).stdout.join("\n");
    for (words, wanted) in [("spot no", "node"), ("spot node --ch", "--check-config")] {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _spot spot \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\necho \"${{COMPREPLY[@]}}\"\n"
        );
        let output = Command::new("bash").args(["-c", &ask]).output();
        let output = output.expect("bash runs");
        let replied = String::from_utf8_lossy(&output.stdout);
        assert_eq!(replied.trim(), wanted, "{output:?}");
    }
}
