//! The files of the admin server's page, and that it reads nothing that the server does not tell. What a browser makes of
//! it is another test: `page`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::admin::{get, json, node};
use crate::support::Spot;

/// The paths that a text loads: what is between quotes and begins with `./` or `/page/`.
fn loaded(text: &str) -> impl Iterator<Item = String> {
    text.split('"').filter_map(|part| {
        let name = part.strip_prefix("./").or(part.strip_prefix("/page/"))?;
        Some(format!("/page/{name}"))
    })
}

/// Every file of the page: those it names, and those that these name.
fn files(admin: &str) -> Vec<(String, String, String)> {
    let (mut waiting, mut files) = (vec!["/".to_owned()], Vec::<(String, String, String)>::new());
    while let Some(path) = waiting.pop() {
        if files.iter().any(|(known, ..)| *known == path) {
            continue;
        }
        let (status, head, body) = get(admin, &path);
        assert_eq!(status, 200, "{path}");
        if !path.ends_with("uplot.js") {
            waiting.extend(loaded(&body));
        }
        files.push((path, head, body));
    }
    files
}

#[test]
fn the_page_has_all_its_files_and_a_policy_that_admits_no_others() {
    let (_node, _, admin) = node(&[]);
    let files = files(&admin);
    assert!(files.len() > 10, "{}", files.len());
    for (path, head, body) in &files {
        let kind = match path.rsplit_once('.').map(|(_, kind)| kind) {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("txt") => "text/plain",
            Some("svg") => "image/svg+xml",
            _ => "text/html",
        };
        assert!(
            head.contains(&format!("content-type: {kind}")),
            "{path}: {head}"
        );
        assert!(
            head.contains("x-content-type-options: nosniff"),
            "{path}: {head}"
        );
        let policy = head
            .lines()
            .find_map(|line| line.strip_prefix("content-security-policy: "));
        let policy = policy.unwrap_or_else(|| panic!("{path} has no policy"));
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        for loose in ["unsafe", "http:", "https:", "data:", "blob:", "*"] {
            assert!(!policy.contains(loose), "{policy}");
        }
        // A namespace and the home of uPlot are named, not loaded.
        let own = body
            .replace("http://www.w3.org/2000/svg", "")
            .replace("https://github.com/leeoniya/uPlot", "");
        assert!(!own.contains("http:") && !own.contains("https:"), "{path}");
        for markup in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!body.contains(markup), "{path} has {markup}");
        }
    }
    let (_, _, html) = &files[0];
    for inline in ["<style", " style=", " onclick=", "<script>"] {
        assert!(!html.contains(inline), "{inline}");
    }
}

#[test]
fn the_scripts_of_the_page_parse() {
    let (_node, _, admin) = node(&[]);
    for (path, _, body) in files(&admin) {
        if !path.ends_with(".js") {
            continue;
        }
        let kind = if path.ends_with("uplot.js") {
            "commonjs"
        } else {
            "module"
        };
        let mut check = Command::new("node");
        check.args(["--check", &format!("--input-type={kind}")]);
        let Ok(mut check) = check.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
            // Not by a macro, whose text tests keep to themselves.
            let told =
                "*** SKIPPED: whether the page's scripts parse. There is no node (Node.js) here.\n";
            std::io::stderr()
                .write_all(told.as_bytes())
                .expect("written");
            return;
        };
        check
            .stdin
            .take()
            .expect("piped")
            .write_all(body.as_bytes())
            .expect("read");
        let done = check.wait_with_output().expect("it ends");
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{path}: {told}");
    }
}

/// That an answer has the fields of a shape: `true` is any value, a list one of objects of its shape.
#[track_caller]
fn assert_has(answer: &Value, shape: &Value, place: &str) {
    match shape {
        Value::Array(of) => {
            let list = answer
                .as_array()
                .unwrap_or_else(|| panic!("{place} is no list: {answer}"));
            assert!(!list.is_empty(), "{place} is empty, which shows nothing");
            list.iter().for_each(|item| assert_has(item, &of[0], place));
        }
        Value::Object(fields) => {
            for (name, shape) in fields {
                let field = answer
                    .get(name)
                    .unwrap_or_else(|| panic!("{place} has no {name}: {answer}"));
                assert_has(field, shape, &format!("{place}: {name}"));
            }
        }
        _ => {}
    }
}

#[test]
fn the_page_reads_only_what_a_node_tells() {
    let (mut node, endpoint, admin) = node(&["--topic", "t", "--set", "admin.minimum_peers=2"]);
    let (_peer, _) = Spot::node(&["--peer", &endpoint]);
    // Without it there are no peers to look at.
    node.wait_for(" up");
    let (_, _, script) = get(&admin, "/page/fields.js");
    let (_, rest) = script.split_once("FIELDS = ").expect("the list");
    let (list, _) = rest.split_once(";\n").expect("its end");
    let shapes: Value = serde_json::from_str(list).expect("the list is JSON");
    let shapes = shapes.as_object().expect("paths");
    assert_eq!(shapes.len(), 5);
    for (path, shape) in shapes {
        // One member short, so that there is a reason to look at.
        let answer = if path == "/readyz" {
            let (status, _, body) = get(&admin, path);
            assert_eq!(status, 503);
            serde_json::from_str(&body).expect("JSON")
        } else {
            json(&admin, path)
        };
        assert_has(&answer, shape, path);
    }
}
