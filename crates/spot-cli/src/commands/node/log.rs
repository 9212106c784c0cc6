//! The log of a node: its level, its form, where it goes.

mod form;
mod outlet;
mod record;

use std::io::{self, IsTerminal};
use std::sync::{Arc, OnceLock};

use tracing::{Event, Subscriber, error};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat, LogOutput};
use crate::failure::Failure;
use form::Form;
use outlet::{Daemon, LogFile, Outlet};
use record::Record;

/// The log as it may be changed while it is written.
pub(super) struct LogControl {
    filter: reload::Handle<Targets, Registry>,
    lines: Arc<Lines>,
}

/// What becomes of each event of `tracing`.
struct Lines {
    /// Whose log it is, once that is known.
    node: OnceLock<String>,
    outlet: Outlet,
}

/// Begins to log, for the node of this name where it has one.
pub(super) fn start(log: &Log, name: Option<&str>) -> Result<LogControl, Failure> {
    let lines = Arc::new(Lines {
        node: name.map_or_else(OnceLock::new, |name| String::from(name).into()),
        outlet: outlet(log)?,
    });
    let (filter, handle) = reload::Layer::new(filter(log.level));
    tracing_subscriber::registry()
        .with(Written(Arc::clone(&lines)).with_filter(filter))
        .init();
    Ok(LogControl {
        filter: handle,
        lines,
    })
}

fn outlet(log: &Log) -> Result<Outlet, Failure> {
    // People read a terminal; whatever else reads the log is a program.
    let form = |is_read_by_people: bool| match log.format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
        LogFormat::Auto if is_read_by_people => Form::Text,
        LogFormat::Auto => Form::Json,
    };
    Ok(match &log.output {
        LogOutput::Stderr => {
            let is_terminal = io::stderr().is_terminal();
            match form(is_terminal) {
                Form::Text if is_terminal => Outlet::Stderr(Form::Colours),
                form => Outlet::Stderr(form),
            }
        }
        LogOutput::File(path) => Outlet::File(form(false), LogFile::open(path)?),
        // It has fields of its own.
        LogOutput::Journald(path) => Outlet::Daemon(Daemon::new("journald", path, Form::Journal)?),
        LogOutput::Syslog(path) => {
            let form = match form(true) {
                Form::Json => Form::SyslogJson,
                _ => Form::Syslog,
            };
            Outlet::Daemon(Daemon::new("syslog", path, form)?)
        }
    })
}

/// The layer of `tracing`; of the lines themselves others hold on, too.
struct Written(Arc<Lines>);

impl<S: Subscriber> Layer<S> for Written {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let Lines { node, outlet } = &*self.0;
        outlet.write(&Record::of(event, node.get().map(String::as_str)));
    }
}

impl LogControl {
    /// The node is started: without a name it is known by its id.
    pub(super) fn set_node(&self, id: String) {
        // A name that was given stays.
        let _ = self.lines.node.set(id);
    }

    /// Logs at another level from now on.
    pub(super) fn set_level(&self, level: LevelFilter) {
        if let Err(error) = self.filter.reload(filter(level)) {
            error!("the log level stays: {error}");
        }
    }

    /// Opens the file anew, as it may have been moved away. If that fails the old one goes on.
    pub(super) fn open_again(&self) {
        if let Outlet::File(_, file) = &self.lines.outlet
            && let Err(failure) = file.open_again()
        {
            error!("{failure}; the file that was open is written on");
        }
    }
}

fn filter(level: LevelFilter) -> Targets {
    // The library logs what it also tells as events, which are logged here.
    let library = if level >= LevelFilter::DEBUG {
        level
    } else {
        level.min(LevelFilter::ERROR)
    };
    Targets::new()
        .with_target("spot", level)
        // These are no events: nothing is known of who could not connect, and a node that is closed has none.
        .with_target("serverlink::accept", level)
        .with_target("serverlink::linger", level)
        .with_default(library)
}
