//! The references name everything that is public, and nothing that is not: `docs/c-api.md` what the header has,
//! `docs/rust-api.md` what the crate has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the header has for itself: the attribute of its functions, and the names behind the handles.
const NOT_FOR_USERS: [&str; 5] = [
    "SLK_EXPORT",
    "slk_ctx",
    "slk_socket",
    "slk_spot",
    "slk_spot_publisher",
];

/// What the face of the crate shows of other modules and crates.
const SHOWN: [(&str, &str); 6] = [
    (
        "crates/serverlink/src/net/options.rs",
        "pub struct TcpOptions",
    ),
    ("crates/spot-core/src/overflow.rs", "pub enum Overflow "),
    ("crates/spot-core/src/drops.rs", "pub struct Drops "),
    ("crates/spot-core/src/filter.rs", "impl Filter "),
    ("crates/spot-core/src/node/output.rs", "pub enum Event "),
    (
        "crates/spot-core/src/node/cluster.rs",
        "pub enum MemberState ",
    ),
];

#[test]
fn the_c_reference_has_every_name_of_the_header_and_no_other() {
    let c_names = |text: &str| -> BTreeSet<String> {
        let names = words(text).filter(|word| word.starts_with("slk_") || word.starts_with("SLK_"));
        // `SLK_EVENT_...` stands for several.
        let whole = names.filter(|name| !name.ends_with('_'));
        whole.map(str::to_owned).collect()
    };
    let mut header = c_names(&read(
        "crates/serverlink-capi/include/serverlink/serverlink.h",
    ));
    assert!(header.contains("slk_spot_publish") && header.contains("SLK_EINVAL"));
    header.retain(|name| !NOT_FOR_USERS.contains(&name.as_str()));
    let reference = c_names(&read("docs/c-api.md"));
    let missing: Vec<_> = header.difference(&reference).collect();
    assert!(
        missing.is_empty(),
        "docs/c-api.md does not name {missing:?}"
    );
    let stale: Vec<_> = reference.difference(&header).collect();
    assert!(
        stale.is_empty(),
        "docs/c-api.md names what the header has not: {stale:?}"
    );
}

#[test]
fn the_rust_reference_has_every_public_name_of_the_crate() {
    let reference = read("docs/rust-api.md");
    let named: BTreeSet<&str> = words(&reference).collect();
    let mut public = exports(&read("crates/serverlink/src/lib.rs"));
    public.append(&mut exports(&read("crates/serverlink/src/api/mod.rs")));
    assert!(public.contains("Node") && public.contains("Filter"));
    let api = root().join("crates/serverlink/src/api");
    for file in std::fs::read_dir(api).expect("a folder can be listed") {
        public.append(&mut items(&read(file.expect("listed").path())));
    }
    for (path, beginning) in SHOWN {
        public.append(&mut items(&item(&read(path), beginning)));
    }
    assert!(public.contains("publish_many") && public.contains("reconnect_max"));
    assert!(public.contains("AlreadyHosted") && public.contains("MemberSuspect"));
    let missing: Vec<_> = public
        .iter()
        .filter(|name| !named.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/rust-api.md does not name {missing:?}"
    );
}

/// An item of a formatted source file, from its beginning to the brace that ends it.
fn item(source: &str, beginning: &str) -> String {
    let (_, rest) = source.split_once(beginning).expect("it is there");
    let (item, _) = rest.split_once("\n}\n").expect("it ends");
    format!("{beginning}{item}")
}

/// What a module exports from others: the names in `pub use`.
fn exports(source: &str) -> BTreeSet<String> {
    let uses = source.split("\npub use ").skip(1);
    let lists = uses.filter_map(|rest| rest.split(';').next());
    let names = lists.flat_map(|list| {
        let list = list.rsplit("::").next().unwrap_or_default();
        words(list).map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

/// The public functions, fields and variants of a formatted source file, by their place in the line.
fn items(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut in_enum = false;
    for line in source.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            in_enum = line.starts_with("pub enum ");
        }
        let Some(member) = line.strip_prefix("    ") else {
            continue;
        };
        let name = match member.strip_prefix("pub ") {
            Some(rest) => rest.trim_start_matches("const ").trim_start_matches("fn "),
            None if in_enum && member.starts_with(char::is_uppercase) => member,
            None => continue,
        };
        names.extend(words(name).next().map(str::to_owned));
    }
    names
}

/// Runs of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty())
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The root of the workspace.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("the crate lies in ROOT/crates").to_owned()
}
