//! A strict reader of the text format of Prometheus (version 0.0.4).

use std::collections::{BTreeMap, HashSet};

/// The value of each sample by its name and labels, as they are written.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Reads a page: each family with HELP and TYPE before its samples, in one piece, names and labels as they may be,
/// counters ending in `_total`, no sample twice.
pub(crate) fn parse(page: &str) -> Result<Samples, String> {
    if !page.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let (mut samples, mut families) = (Samples::new(), HashSet::new());
    let (mut helped, mut family) = (None, None);
    for line in page.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').ok_or_else(|| wrong("no text"))?;
            if !is_name(name) || text.is_empty() || !families.insert(name.to_owned()) {
                return Err(wrong("a wrong name, no text, or a family in two pieces"));
            }
            helped = Some(name);
            family = None;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or_else(|| wrong("no type"))?;
            if helped != Some(name) || !["counter", "gauge"].contains(&kind) {
                return Err(wrong("no HELP before it, or an unknown type"));
            }
            if (kind == "counter") != name.ends_with("_total") {
                return Err(wrong("counters end in _total, and nothing else does"));
            }
            family = Some((name, kind));
        } else {
            let (name, value) = sample(line).ok_or_else(|| wrong("no sample"))?;
            let bare = name.split('{').next().unwrap_or_default();
            let Some((_, kind)) = family.filter(|(of, _)| *of == bare) else {
                return Err(wrong("no TYPE before it"));
            };
            if kind == "counter" && (value < 0.0 || value.fract() != 0.0) {
                return Err(wrong("a counter that is no count"));
            }
            if samples.insert(name, value).is_some() {
                return Err(wrong("told twice"));
            }
        }
    }
    Ok(samples)
}

/// A sample without a timestamp: `name value` or `name{label="text",...} value`.
fn sample(line: &str) -> Option<(String, f64)> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    if !is_name(name) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => {
            let end = end_of_labels(inside)?;
            (&rest[..end + 2], &inside[end + 1..])
        }
        None => ("", rest),
    };
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    Some((format!("{name}{labels}"), value))
}

/// Where the brace is that ends these labels, if they are well formed.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut at, mut seen) = (0, HashSet::new());
    loop {
        let label = &text[at..at + text[at..].find("=\"")?];
        if !is_name(label) || label.contains(':') || !seen.insert(label) {
            return None;
        }
        at += label.len() + 2;
        let mut characters = text[at..].char_indices();
        let quote = loop {
            match characters.next()? {
                (offset, '"') => break offset,
                (_, '\\') => drop(characters.next().filter(|(_, c)| "\\\"n".contains(*c))?),
                _ => {}
            }
        };
        at += quote + 1;
        match text[at..].chars().next()? {
            '}' => return Some(at),
            ',' => at += 1,
            _ => return None,
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

#[test]
fn the_reader_is_strict() {
    let head = "# HELP a_total A.\n# TYPE a_total counter\n";
    let good = format!("{head}a_total{{x=\"1\",y=\"q\\\"\\\\\"}} 3\na_total 4\n");
    assert_eq!(parse(&good).map(|samples| samples.len()), Ok(2));
    for wrong in [
        "a_total 1\n",
        &format!("{head}a_total -1\n"),
        &format!("{head}a_total 1\na_total 1\n"),
        &format!("{head}a_total 1"),
        &format!("{head}b_total 1\n"),
        &format!("{head}a_total{{x=\"1\"\n"),
        &format!("{head}a_total{{x=\"\\q\"}} 1\n"),
        &format!("{head}a_total{{x=\"1\",x=\"2\"}} 1\n"),
        &format!("{head}a_total one\n"),
        &format!("{head}a_total 1\n{head}a_total 2\n"),
        "# HELP a A.\n# TYPE a counter\na 1\n",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
