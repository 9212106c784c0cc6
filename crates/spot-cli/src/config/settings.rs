//! What the configuration means for a node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serverlink::{Discovery, Minority, Options};
use tracing_subscriber::filter::LevelFilter;

use super::layers::Config;
use super::problem::{Problem, Source};
use super::value::Value;

/// What the configuration means for a node.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) binds: Vec<String>,
    pub(crate) peers: Vec<String>,
    pub(crate) topics: Vec<String>,
    /// Topics hosted elsewhere, each with its endpoints.
    pub(crate) routes: Vec<(String, Vec<String>)>,
    pub(crate) options: Options,
    pub(crate) log: Log,
    pub(crate) admin: Admin,
}

/// What is logged, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: LevelFilter,
    pub(crate) format: LogFormat,
    pub(crate) output: LogOutput,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogOutput {
    Stderr,
    File(PathBuf),
    /// Its socket.
    Journald(PathBuf),
    /// Its socket.
    Syslog(PathBuf),
}

impl LogOutput {
    fn of(text: &str) -> Self {
        match text.split_once(':').unwrap_or((text, "")) {
            ("stderr", "") => Self::Stderr,
            ("journald", "") => Self::Journald("/run/systemd/journal/socket".into()),
            ("journald", path) => Self::Journald(path.into()),
            ("syslog", "") => Self::Syslog("/dev/log".into()),
            ("syslog", path) => Self::Syslog(path.into()),
            _ => Self::File(text.into()),
        }
    }
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people where they read it, on a terminal and in syslog; else for programs.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The admin server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admin {
    /// Where it listens; `None` is nowhere.
    pub(crate) address: Option<SocketAddr>,
    /// Whether somebody asked for this address.
    pub(crate) asked_for: bool,
    /// Linked members without which the node is not ready.
    pub(crate) minimum_peers: usize,
    /// Topics that have metrics of their own.
    pub(crate) metrics_topics: usize,
}

impl Settings {
    /// What the configuration means; everything that does not fit together.
    pub(crate) fn of(config: &Config) -> Result<Self, Vec<Problem>> {
        let options = options(config);
        let problems = contradictions(config, &options);
        if !problems.is_empty() {
            return Err(problems);
        }
        let admin = config.text("admin.address");
        Ok(Self {
            name: config.get("name").map(|_| config.text("name").to_owned()),
            binds: config.list("bind").to_vec(),
            peers: config.list("peers").to_vec(),
            topics: config.list("topics").to_vec(),
            routes: config.routes().to_vec(),
            options,
            log: Log {
                level: config
                    .text("log.level")
                    .parse()
                    .unwrap_or(LevelFilter::INFO),
                format: match config.text("log.format") {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    _ => LogFormat::Auto,
                },
                output: LogOutput::of(config.text("log.output")),
            },
            admin: Admin {
                address: admin.parse().ok(),
                asked_for: config.source("admin.address") != &Source::Default,
                minimum_peers: config.size("admin.minimum_peers"),
                metrics_topics: config.size("admin.metrics_topics"),
            },
        })
    }
}

fn options(config: &Config) -> Options {
    let mut options = Options::default();
    options.relay = config.switch("relay");
    options.history = config.size("history");
    options.cluster_size = config.number("cluster_size").map(size);
    options.discovery = match config.text("discovery") {
        "gossip" => Discovery::Gossip,
        _ => Discovery::Listed,
    };
    options.minority = match config.text("minority") {
        "refuse" => Minority::Refuse,
        _ => Minority::GoOn,
    };
    options.linger = Some(config.ms("linger_ms"));
    options.connect_timeout = config.ms("route_timeout_ms");
    options.send_hwm = config.size("limits.hwm");
    options.send_hwm_bytes = config.size("limits.hwm_bytes");
    options.max_message_size = config.size("limits.max_message_bytes");
    options.backlog = config.small("limits.backlog");
    options.reconnect_min = config.ms("reconnect.min_ms");
    options.reconnect_max = config.ms("reconnect.max_ms");
    options.heartbeat_interval = config.ms("heartbeat.interval_ms");
    let misses = config.small("heartbeat.misses");
    // Three is what the library takes by itself, also where there are no heartbeats.
    options.heartbeat_timeout = (misses != 3 && !options.heartbeat_interval.is_zero())
        .then(|| options.heartbeat_interval * misses);
    options.tcp.nodelay = config.switch("tcp.nodelay");
    options.tcp.keepalive = config.switch("tcp.keepalive");
    options.tcp.keepalive_idle_s = config.small("tcp.keepalive_idle_s");
    options.tcp.keepalive_interval_s = config.small("tcp.keepalive_interval_s");
    options.tcp.keepalive_count = config.small("tcp.keepalive_count");
    options.tcp.send_buffer = config.number("tcp.send_buffer_bytes").map(size);
    options.tcp.receive_buffer = config.number("tcp.receive_buffer_bytes").map(size);
    options.tcp.user_timeout_ms = config
        .number("tcp.user_timeout_ms")
        .map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
    options
}

/// What is right by itself and wrong together.
fn contradictions(config: &Config, options: &Options) -> Vec<Problem> {
    let mut problems = Vec::new();
    if options.reconnect_min > options.reconnect_max {
        let remedy = format!(
            "the first pause is longer than the longest, which is reconnect.max_ms = {}: lower the one or raise the other",
            options.reconnect_max.as_millis()
        );
        problems.push(config.wrong("reconnect.min_ms", remedy));
    } else if let Err(error) = options.check() {
        let key = if error.to_string().starts_with("heartbeat") {
            "heartbeat.misses"
        } else {
            "limits.hwm"
        };
        problems.push(config.wrong(key, error));
    }
    let hosted = config.list("topics");
    for (topic, _) in config
        .routes()
        .iter()
        .filter(|(topic, _)| hosted.contains(topic))
    {
        let remedy = format!(
            "{topic:?} is hosted here as well, by topics ({}): take it out of one of the two",
            config.source("topics")
        );
        problems.push(Problem::at(config.source("routes"), "routes", remedy));
    }
    problems
}

/// Values by their types. The schema has checked that they are of these.
impl Config {
    fn wrong(&self, name: &str, remedy: impl std::fmt::Display) -> Problem {
        let shown = self
            .value(name)
            .map(ToString::to_string)
            .unwrap_or_default();
        Problem::wrong(self.source(name), name, &shown, remedy)
    }

    /// Where the value of a key came from.
    pub(crate) fn source(&self, name: &str) -> &Source {
        self.get(name)
            .map_or(&Source::Default, |entry| &entry.source)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name).map(|entry| &entry.value)
    }

    fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn list(&self, name: &str) -> &[String] {
        match self.value(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    fn routes(&self) -> &[(String, Vec<String>)] {
        match self.value("routes") {
            Some(Value::Routes(routes)) => routes,
            _ => &[],
        }
    }

    fn switch(&self, name: &str) -> bool {
        self.value(name) == Some(&Value::Switch(true))
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.value(name) {
            Some(Value::Whole(number)) => Some(*number),
            _ => None,
        }
    }

    fn size(&self, name: &str) -> usize {
        self.number(name).map_or(0, size)
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.size(name)).unwrap_or(u32::MAX)
    }

    fn ms(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name).unwrap_or(0))
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use clap::ArgMatches;

    use super::*;

    fn matches(args: &[&str]) -> ArgMatches {
        let all = [&["spot", "node"], args].concat();
        let matches = crate::cli::command().try_get_matches_from(all);
        let (_, node) = matches
            .expect("well formed")
            .remove_subcommand()
            .expect("node");
        node
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let config = Config::load(&matches(&[])).unwrap();
        let settings = Settings::of(&config).unwrap();
        assert_eq!(settings.options, Options::default());
        assert_eq!(settings.binds, ["tcp://127.0.0.1:5555"]);
        assert!(!settings.admin.asked_for);
    }

    #[test]
    fn the_log_goes_to_a_daemon_at_its_usual_place_or_another() {
        let path = |text: &str| std::path::PathBuf::from(text);
        for (text, output) in [
            ("stderr", LogOutput::Stderr),
            (
                "journald",
                LogOutput::Journald(path("/run/systemd/journal/socket")),
            ),
            ("journald:/a", LogOutput::Journald(path("/a"))),
            ("syslog", LogOutput::Syslog(path("/dev/log"))),
            ("syslog:/a:b", LogOutput::Syslog(path("/a:b"))),
            (
                "/var/log/spot.log",
                LogOutput::File(path("/var/log/spot.log")),
            ),
            ("./syslog", LogOutput::File(path("./syslog"))),
        ] {
            assert_eq!(LogOutput::of(text), output, "{text}");
        }
    }

    #[test]
    fn every_key_may_be_set() {
        let set = [
            "--set",
            "tcp.nodelay=false",
            "--set",
            "heartbeat.misses=5",
            "--set",
            "limits.hwm=0",
            "--set",
            "tcp.user_timeout_ms=9000",
            "--peer",
            "tcp://a:1",
        ];
        let settings = Settings::of(&Config::load(&matches(&set)).unwrap()).unwrap();
        assert!(!settings.options.tcp.nodelay);
        assert_eq!(
            settings.options.heartbeat_timeout,
            Some(Duration::from_secs(10))
        );
        assert_eq!(settings.options.send_hwm, 0);
        assert_eq!(settings.options.tcp.user_timeout_ms, Some(9000));
        assert!(
            settings.binds.is_empty(),
            "with a peer there is no default bind"
        );
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        let told = |args: &[&str]| {
            let problems = Settings::of(&Config::load(&matches(args)).unwrap()).unwrap_err();
            problems[0].to_string()
        };
        let pauses = told(&["--set", "reconnect.min_ms=9000"]);
        assert!(
            pauses.contains("--set: reconnect.min_ms = 9000"),
            "{pauses}"
        );
        let silence = told(&[
            "--set",
            "heartbeat.interval_ms=86400000",
            "--set",
            "heartbeat.misses=9",
        ]);
        assert!(silence.contains("heartbeat.misses"), "{silence}");
        let both = told(&["--topic", "t", "--route", "t=tcp://a:1"]);
        assert!(
            both.contains("--route: routes: \"t\" is hosted here as well, by topics (--topic)"),
            "{both}"
        );
    }
}
