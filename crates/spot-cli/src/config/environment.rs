//! Variables of the environment that look as if they were meant for this program.

use std::env;

use super::schema::{KEYS, nearest};

/// Begins the name of each variable.
const PREFIX: &str = "SPOT_";

/// Names the file.
const FILE: &str = "SPOT_CONFIG";

/// What is to be said of variables that begin as ours do and are none: misspelt, they would do nothing in silence. They are
/// no failure, as they may be somebody else's. Their values are not shown, which may be secrets.
pub(crate) fn unknown_variables() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut told: Vec<_> = names.filter_map(|name| unknown(&name)).collect();
    told.sort();
    told
}

fn unknown(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let spellings = spellings();
    if spellings.iter().any(|(_, variable)| variable == name) || is_of_an_orchestrator(rest) {
        return None;
    }
    let near = nearest(
        rest,
        spellings.iter().map(|(spelling, _)| spelling.as_str()),
    );
    let meant = spellings
        .iter()
        .find(|(spelling, _)| Some(spelling.as_str()) == near);
    let meant = match meant {
        Some((_, variable)) => format!("did you mean {variable}?"),
        None => "`spot node --print-config` shows the keys, whose variables have capitals and _ for the dot".into(),
    };
    Some(format!("{name} is set and means nothing: {meant}"))
}

/// What may be written behind the prefix for each variable: its own name, and that of its key where that is another one.
fn spellings() -> Vec<(String, String)> {
    let mut spellings = vec![(FILE.trim_start_matches(PREFIX).to_owned(), FILE.to_owned())];
    for key in KEYS {
        let variable = key.variable();
        spellings.push((
            variable.trim_start_matches(PREFIX).to_owned(),
            variable.clone(),
        ));
        spellings.push((key.name.to_uppercase().replace('.', "_"), variable));
    }
    spellings
}

/// Whether Kubernetes sets it in each pod for a service whose name begins with `spot`, or Docker for a link of that name:
/// `SPOT_SERVICE_HOST`, `SPOT_PORT`, `SPOT_PORT_5555_TCP_ADDR`, `SPOT_ADMIN_SERVICE_PORT_HTTP`, `SPOT_ENV_PATH`.
fn is_of_an_orchestrator(rest: &str) -> bool {
    let parts: Vec<_> = rest.split('_').collect();
    let has = |wanted: &[&str]| parts.windows(wanted.len()).any(|window| window == wanted);
    let is_port = parts
        .windows(2)
        .any(|window| window[0] == "PORT" && window[1].bytes().all(|byte| byte.is_ascii_digit()));
    parts[0] == "ENV"
        || parts.ends_with(&["PORT"])
        || is_port
        || has(&["SERVICE", "HOST"])
        || has(&["SERVICE", "PORT"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_did_nothing_in_silence() {
        for (misspelt, meant) in [
            ("SPOT_TOPCIS", "did you mean SPOT_TOPICS?"),
            ("SPOT_PEERS", "did you mean SPOT_CLUSTER?"),
            (
                "SPOT_HEARTBEAT_INTERVALL_MS",
                "did you mean SPOT_HEARTBEAT_INTERVAL_MS?",
            ),
            ("SPOT_LOG_LEVEL", "did you mean SPOT_LOG?"),
            (
                "SPOT_MAX_MESSAGE_BYTES",
                "did you mean SPOT_LIMITS_MAX_MESSAGE_BYTES?",
            ),
            ("SPOT_FAVOURITE_COLOUR", "--print-config"),
        ] {
            let told = unknown(misspelt).unwrap_or_default();
            assert!(told.starts_with(misspelt) && told.contains(meant), "{told}");
        }
    }

    #[test]
    fn what_is_known_or_set_by_an_orchestrator_is_nothing_to_tell() {
        for name in [
            "SPOT_TOPICS",
            "SPOT_CLUSTER",
            "SPOT_CONFIG",
            "SPOT_TCP_NODELAY",
            "SPOT_SERVICE_HOST",
            "SPOT_SERVICE_PORT",
            "SPOT_SERVICE_PORT_ADMIN",
            "SPOT_PORT",
            "SPOT_PORT_5555_TCP",
            "SPOT_PORT_5555_TCP_PROTO",
            "SPOT_PORT_5555_TCP_ADDR",
            "SPOT_HUB_SERVICE_HOST",
            "SPOT_HUB_PORT_8222_TCP_PORT",
            "SPOT_ENV_PATH",
            "SPOTTED",
            "PATH",
        ] {
            assert_eq!(unknown(name), None);
        }
    }
}
