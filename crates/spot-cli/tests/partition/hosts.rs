//! Hosts as network namespaces, each with one cable to a switch. Two switches, one cable between them.

use std::process::Command;

use crate::run;

/// The cable between the switches, at its one end.
const TRUNK: &str = "trunk0";

/// A command in new namespaces of users, network and mounts.
pub(crate) fn unshared(command: &[&str]) -> Command {
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--map-root-user", "--net", "--mount", "--"])
        .args(command);
    unshare
}

/// Whether this machine lets us make such hosts, and why not.
pub(crate) fn are_possible() -> Result<(), String> {
    let script = "mount -t tmpfs tmpfs /run && ip netns add probe && ip link add veth0 type veth peer name veth1 \
                  && ip link add switch0 type bridge";
    run(&mut unshared(&["sh", "-c", script]))
}

/// The address of a host.
pub(crate) fn address(host: usize) -> String {
    format!("10.77.0.{}", host + 1)
}

/// Makes the hosts; each is plugged into the switch of its side, 0 or 1.
pub(crate) fn plug_in(sides: &[usize]) {
    // The names of namespaces live there; outside nobody sees this one.
    shell("mount -t tmpfs tmpfs /run");
    shell("ip link set lo up");
    shell(&format!("ip link add {TRUNK} type veth peer name trunk1"));
    for side in 0..2 {
        shell(&format!("ip link add switch{side} type bridge"));
        shell(&format!("ip link set trunk{side} master switch{side} up"));
        shell(&format!("ip link set switch{side} up"));
    }
    for (host, side) in sides.iter().enumerate() {
        shell(&format!("ip netns add host{host}"));
        shell(&format!(
            "ip link add port{host} type veth peer name cable netns host{host}"
        ));
        shell(&format!("ip link set port{host} master switch{side} up"));
        shell(&format!(
            "ip -n host{host} address add {}/24 dev cable",
            address(host)
        ));
        shell(&format!("ip -n host{host} link set lo up"));
        shell(&format!("ip -n host{host} link set cable up"));
    }
}

/// Pulls the cable between the switches.
pub(crate) fn partition() {
    shell(&format!("ip link set {TRUNK} down"));
}

/// Plugs it in again.
pub(crate) fn heal() {
    shell(&format!("ip link set {TRUNK} up"));
}

/// A program on a host.
pub(crate) fn on(host: usize, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &format!("host{host}"), program]);
    // Nothing to the program, which would say so.
    command.env_remove(crate::INSIDE);
    command
}

fn shell(line: &str) {
    if let Err(reason) = run(Command::new("sh").args(["-c", line])) {
        panic!("{reason}");
    }
}
