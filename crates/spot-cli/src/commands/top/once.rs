//! One snapshot for a pipe or a file.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::ask::ask;
use super::grid::{Grid, Row, Sorting};
use super::header;
use super::snapshot::Snapshot;
use super::views::View;
use crate::cli::top::TopArgs;
use crate::failure::Failure;
use crate::output::{Output, columns};

/// The latest events that are printed.
const EVENTS: usize = 20;

pub(super) fn run(address: SocketAddr, args: &TopArgs) -> Result<(), Failure> {
    let snapshot = ask(address, args.timeout, None, |_| true).map_err(|error| {
        Failure::Failed(format!(
            "no answer from http://{address}: {error}; is a node running there, with its admin server at that address?"
        ))
    })?;
    let mut output = Output::new();
    if args.json {
        output.line(&object(&snapshot).to_string())?;
    } else {
        for line in lines(&snapshot) {
            output.line(&line)?;
        }
    }
    output.flush()
}

fn object(snapshot: &Snapshot) -> Value {
    json!({
        "node": snapshot.node,
        "ready": snapshot.ready,
        "cluster": snapshot.cluster,
        "peers": *snapshot.peers,
        "topics": *snapshot.topics,
        "events": *snapshot.events,
    })
}

/// The head, and each list below its name.
pub(super) fn lines(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![header::node(snapshot), header::state(snapshot).1];
    for view in View::ALL {
        let mut grid = view.grid(snapshot);
        if view == View::Events {
            grid.rows.truncate(EVENTS);
        } else {
            grid.sort(Sorting::default());
        }
        lines.extend([
            String::new(),
            format!("{}: {}", view.title(), grid.rows.len()),
        ]);
        if !grid.rows.is_empty() {
            lines.extend(table(&grid));
        }
    }
    lines
}

fn table(grid: &Grid) -> Vec<String> {
    // Lines may be as long as they need to be, and so may the last column.
    let widths: Vec<_> = (0..grid.heads.len())
        .map(|column| {
            let cells = grid
                .rows
                .iter()
                .map(|row| columns(row.cells[column].shown()));
            cells.max().unwrap_or(0).max(grid.heads[column].len())
        })
        .collect();
    let padded = |text: &str, column: usize, is_number: bool| {
        let room = " ".repeat(widths[column] - columns(text));
        if is_number {
            room + text
        } else {
            text.to_owned() + &room
        }
    };
    let is_number = |column: usize| grid.rows[0].cells[column].is_number();
    let heads = grid.heads.iter().enumerate();
    let heads: Vec<_> = heads
        .map(|(column, head)| padded(head, column, is_number(column)))
        .collect();
    let of_row = |row: &Row| {
        let cells = row.cells.iter().enumerate();
        let cells: Vec<_> = cells
            .map(|(column, cell)| padded(cell.shown(), column, cell.is_number()))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![heads.join("  ").trim_end().to_owned()];
    lines.extend(grid.rows.iter().map(of_row));
    lines
}
