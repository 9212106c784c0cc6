//! `spot top`: a node and its cluster in a terminal, as its admin server tells.

mod app;
mod ask;
mod draw;
mod grid;
mod header;
mod once;
mod snapshot;
#[cfg(test)]
mod tests;
mod views;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event;

use crate::cli::top::TopArgs;
use crate::failure::Failure;
use crate::http;
use crate::interrupt;
use app::App;
use ask::{Asked, Asking};

/// How often signals and answers are looked for while no key is pressed.
const TURN: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &TopArgs) -> Result<(), Failure> {
    let address = http::address(&args.admin)?;
    if args.once || args.json {
        return once::run(address, args);
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "standard output is no terminal: --once prints one snapshot as text, --json as an object".into(),
        ));
    }
    // Without a node to close: the flag is all that is needed.
    interrupt::on_first(|| ())?;
    let asking = Arc::new(Asking::default());
    let answers = ask::start(address, args.interval, Arc::clone(&asking));
    let mut screen = Screen::open()?;
    watch(&mut screen.0, address, &answers, &asking)
}

/// The terminal, given back however this ends: a panic has a hook for that.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> Result<Self, Failure> {
        ratatui::try_init()
            .map(Self)
            .map_err(|error| Failure::Failed(format!("cannot use the terminal: {error}")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Draws what is told and does what is typed, until that is to end.
fn watch(
    terminal: &mut DefaultTerminal,
    address: SocketAddr,
    answers: &Receiver<Asked>,
    asking: &Asking,
) -> Result<(), Failure> {
    let mut app = App::new(address);
    let mut is_stale = true;
    while !interrupt::happened() && !app.is_over() {
        if is_stale {
            asking.show(app.view());
            let drawn = terminal.draw(|frame| draw::draw(&mut app, frame));
            drawn.map_err(Failure::Output)?;
        }
        is_stale = false;
        if event::poll(TURN).map_err(Failure::Input)? {
            is_stale |= app.take(&event::read().map_err(Failure::Input)?);
        }
        match answers.try_recv() {
            Ok(asked) => {
                app.hear(asked);
                is_stale = true;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(Failure::Failed(
                    "the thread that asks the node has ended".into(),
                ));
            }
        }
    }
    Ok(())
}
