#!/usr/bin/env python3
"""Checks that the crates keep to their layers.

A crate of a layer depends on crates of the layers above it only, and the two sans-IO crates know no socket, thread
or clock. Exits 1 and names every violation.
"""

import json
import pathlib
import re
import subprocess
import sys

# From the top: each crate may depend on those before its own group, never on those in or after it.
LAYERS = [["zmtp"], ["spot-core"], ["serverlink"], ["serverlink-capi", "spot-cli"]]

# Crates beside the layers that may depend on these alone.
BESIDE = {"sim": {"zmtp", "spot-core"}}

SANS_IO = ["zmtp", "spot-core"]
FORBIDDEN = re.compile(r"\bstd::(?:\{[^;]*\b)?(?:net|thread)\b|\bInstant::now\b|\bSystemTime\b")


def allowed_dependencies(crate):
    """The workspace crates that `crate` may depend on; None for a crate that may use them all.

    >>> sorted(allowed_dependencies("serverlink"))
    ['spot-core', 'zmtp']
    >>> sorted(allowed_dependencies("zmtp"))
    []
    >>> sorted(allowed_dependencies("sim"))
    ['spot-core', 'zmtp']
    """
    if crate in BESIDE:
        return BESIDE[crate]
    above = set()
    for layer in LAYERS:
        if crate in layer:
            return above
        above.update(layer)
    return None


def arrow_violations(packages):
    """Dependencies that point the wrong way, of any kind: also those of tests and build scripts.

    >>> core = {"name": "spot-core", "publish": None, "dependencies": [{"name": "serverlink"}, {"name": "bytes"}]}
    >>> link = {"name": "serverlink", "publish": None, "dependencies": [{"name": "spot-core"}]}
    >>> new = {"name": "new", "publish": None, "dependencies": []}
    >>> for violation in arrow_violations([core, link, new]): print(violation)
    spot-core depends on serverlink, which is not above it
    new has no layer: give it one in scripts/check_layers.py, or publish = false if it only tests
    """
    members = {package["name"] for package in packages}
    for package in packages:
        crate, allowed = package["name"], allowed_dependencies(package["name"])
        if allowed is None:
            if package["publish"] != []:
                yield f"{crate} has no layer: give it one in scripts/check_layers.py, or publish = false if it only tests"
            continue
        used = {dependency["name"] for dependency in package["dependencies"]}
        for wrong in sorted((used & members) - allowed - {crate}):
            yield f"{crate} depends on {wrong}, which is not above it"


def impure_lines(text):
    """Numbers of the lines that mention what a sans-IO crate must not know; comments do not count.

    >>> list(impure_lines("use std::net::TcpStream;"))
    [1]
    >>> list(impure_lines("use std::{\\n    io,\\n    thread,\\n};"))
    [1]
    >>> list(impure_lines("use std::time::Duration;\\nlet now = Instant::now();"))
    [2]
    >>> list(impure_lines("// std::net is for others\\nuse core::net::Ipv4Addr;\\nuse std::sync::Arc;"))
    []
    """
    code = re.sub(r"//[^\n]*", "", text)
    for match in FORBIDDEN.finditer(code):
        yield code.count("\n", 0, match.start()) + 1


def purity_violations(packages):
    """Lines of sans-IO crates that mention sockets, threads or clocks."""
    for package in packages:
        if package["name"] not in SANS_IO:
            continue
        for path in sorted((pathlib.Path(package["manifest_path"]).parent / "src").rglob("*.rs")):
            for line in impure_lines(path.read_text(encoding="utf-8")):
                yield f"{path}:{line}: {package['name']} is sans-IO: no std::net, std::thread, Instant::now, SystemTime"


def main():
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    missing = {"zmtp", "spot-core", "serverlink"} - {package["name"] for package in packages}
    violations = [f"{crate} is not in the workspace" for crate in sorted(missing)]
    violations += arrow_violations(packages)
    violations += purity_violations(packages)
    for violation in violations:
        print(violation, file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
