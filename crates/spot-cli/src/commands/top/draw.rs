//! The screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::App;
use super::grid::{GAP, Mark, Row};
use super::header;
use super::views::{View, span};
use crate::output::columns;
use crate::text::harmless;

const KEYS: &str = "q quit  1-4 Tab views  arrows PgUp PgDn scroll  s sort  r reverse  / filter";

/// Draws all of it.
pub(super) fn draw(app: &mut App, frame: &mut Frame<'_>) {
    let [title, state, rates, tabs, list, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    // Below the heads.
    app.set_page(usize::from(list.height).saturating_sub(1));
    draw_head(app, frame, [title, state, rates]);
    draw_tabs(app, frame, tabs);
    draw_list(app, frame, list);
    let foot_text = if app.is_filtering {
        format!("/{}_  Enter keeps it, Esc drops it", app.filter)
    } else {
        KEYS.to_owned()
    };
    line(
        frame,
        foot,
        foot_text,
        Style::new().add_modifier(Modifier::DIM),
    );
}

fn draw_head(app: &App, frame: &mut Frame<'_>, [title, state, rates]: [Rect; 3]) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let Some(snapshot) = &app.snapshot else {
        let reason = app.failure.as_deref();
        let (text, style) = match reason {
            Some(reason) => (unreachable(app, reason), alarm(Mark::Bad)),
            None => (format!("asking http://{} ...", app.address), bold),
        };
        return line(frame, title, text, style);
    };
    line(frame, title, header::node(snapshot), bold);
    let (mark, text) = match &app.failure {
        Some(reason) => (Mark::Bad, unreachable(app, reason)),
        None => header::state(snapshot),
    };
    line(frame, state, text, alarm(mark));
    line(frame, rates, header::rates(snapshot), Style::new());
}

fn unreachable(app: &App, reason: &str) -> String {
    let age = app.age().map(|age| span(age.as_secs_f64()));
    let shown = age.map_or_else(String::new, |age| format!("; what is shown is {age} old"));
    harmless(&format!(
        "CANNOT REACH http://{}: {reason}; trying again{shown}",
        app.address
    ))
}

fn draw_tabs(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let mut spans = Vec::new();
    for (index, view) in View::ALL.into_iter().enumerate() {
        let style = if view == app.view() {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new()
        };
        spans.push(Span::styled(
            format!(" {} {} ", index + 1, view.title()),
            style,
        ));
    }
    let (first, rows) = (app.place().offset, app.grid.rows.len());
    let last = (first + app.page).min(rows);
    spans.push(Span::raw(format!(
        "  {}-{last} of {rows}",
        (first + 1).min(rows)
    )));
    if !app.filter.is_empty() {
        spans.push(Span::raw(format!(
            " (of {}: /{})",
            app.unfiltered, app.filter
        )));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

fn draw_list(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let place = app.place();
    let rows = app.grid.rows.iter().skip(place.offset).take(app.page);
    let widths = app.grid.widths(rows.clone(), area.width.into());
    let mut lines = vec![heads(app, &widths)];
    lines.extend(rows.map(|row| of_row(row, &widths)));
    frame.render_widget(Paragraph::new(lines), area);
}

fn heads(app: &App, widths: &[usize]) -> Line<'static> {
    let sorting = app.place().sorting;
    let mut text = String::new();
    for (column, (head, width)) in app.grid.heads.iter().zip(widths).enumerate() {
        let order = match (sorting.column == Some(column), sorting.is_reversed) {
            (false, _) => "",
            (true, false) => "*",
            (true, true) => "'",
        };
        let is_number = app
            .grid
            .rows
            .first()
            .is_some_and(|row| row.cells[column].is_number());
        text += &fitted(&format!("{head}{order}"), *width, is_number);
        text += GAP;
    }
    Line::styled(
        text,
        Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
    )
}

fn of_row(row: &Row, widths: &[usize]) -> Line<'static> {
    let mut text = String::new();
    for (cell, width) in row.cells.iter().zip(widths) {
        text += &fitted(cell.shown(), *width, cell.is_number());
        text += GAP;
    }
    Line::styled(text, of_mark(row.mark))
}

/// A text in exactly so many columns.
fn fitted(text: &str, width: usize, is_right: bool) -> String {
    let mut fitted = String::new();
    let mut taken = 0;
    for character in text.chars() {
        let more = columns(character.encode_utf8(&mut [0; 4]));
        if taken + more > width {
            break;
        }
        fitted.push(character);
        taken += more;
    }
    if fitted.len() < text.len() && width > 1 {
        while taken + 1 > width {
            let dropped = fitted.pop().unwrap_or_default();
            taken -= columns(dropped.encode_utf8(&mut [0; 4]));
        }
        fitted.push('…');
        taken += 1;
    }
    let room = " ".repeat(width - taken);
    if is_right {
        room + &fitted
    } else {
        fitted + &room
    }
}

fn of_mark(mark: Mark) -> Style {
    match mark {
        Mark::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        Mark::Doubtful => Style::new().fg(Color::Yellow),
        Mark::Fine => Style::new(),
    }
}

/// What must be seen at once.
fn alarm(mark: Mark) -> Style {
    match mark {
        Mark::Bad => of_mark(mark).add_modifier(Modifier::REVERSED),
        _ => of_mark(mark),
    }
}

fn line(frame: &mut Frame<'_>, area: Rect, text: String, style: Style) {
    frame.render_widget(Paragraph::new(Line::styled(text, style)), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_its_columns_whatever_is_in_it() {
        assert_eq!(fitted("ab", 4, false), "ab  ");
        assert_eq!(fitted("12", 4, true), "  12");
        assert_eq!(fitted("abcdef", 4, false), "abc…");
        assert_eq!(fitted("世界世界", 5, false), "世界…");
        assert_eq!(fitted("世界", 3, false), "世…");
        assert_eq!(fitted("世", 1, false), " ");
        assert_eq!(fitted("ab", 0, false), "");
    }
}
