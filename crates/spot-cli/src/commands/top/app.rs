//! What is shown and how, changed by keys and by what the node tells.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::ask::Asked;
use super::grid::{Grid, Sorting};
use super::snapshot::Snapshot;
use super::views::View;

/// What is shown.
pub(super) struct App {
    pub(super) address: SocketAddr,
    /// What was told last.
    pub(super) snapshot: Option<Snapshot>,
    /// Why nothing was told since.
    pub(super) failure: Option<String>,
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) is_filtering: bool,
    /// The rows of the view, made anew when it, its order or the snapshot changes.
    pub(super) grid: Grid,
    /// How many rows there are without the filter.
    pub(super) unfiltered: usize,
    /// How many rows were drawn last: a page.
    pub(super) page: usize,
    view: View,
    /// Of each view.
    places: [Place; View::ALL.len()],
    is_over: bool,
}

/// Where one is in a view.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Rows above the first that is drawn.
    pub(super) offset: usize,
    pub(super) sorting: Sorting,
}

impl App {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            snapshot: None,
            failure: None,
            filter: String::new(),
            is_filtering: false,
            grid: Grid::default(),
            unfiltered: 0,
            page: 1,
            view: View::default(),
            places: Default::default(),
            is_over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn view(&self) -> View {
        self.view
    }

    pub(super) fn place(&self) -> Place {
        self.places[self.view as usize]
    }

    /// How old what is shown is.
    pub(super) fn age(&self) -> Option<Duration> {
        let snapshot = self.snapshot.as_ref()?;
        Some(Instant::now().saturating_duration_since(snapshot.at))
    }

    /// Takes in what the node told, or that it did not.
    pub(super) fn hear(&mut self, asked: Asked) {
        match asked {
            Ok(snapshot) => {
                self.snapshot = Some(snapshot);
                self.failure = None;
                self.make_rows();
            }
            Err(reason) => self.failure = Some(reason),
        }
    }

    /// Takes what was typed, or that the terminal has another size. Whether anything is to be drawn anew.
    pub(super) fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.press(*key),
            Event::Resize(..) => {}
            _ => return false,
        }
        true
    }

    fn press(&mut self, key: KeyEvent) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => self.is_over = true,
            code if self.is_filtering => self.write_filter(code),
            KeyCode::Char('q') => self.is_over = true,
            KeyCode::Char(digit @ '1'..='4') => {
                self.look_at(View::ALL[digit as usize - '1' as usize])
            }
            KeyCode::Tab | KeyCode::Right => self.look_at(self.view.step(1)),
            KeyCode::BackTab | KeyCode::Left => self.look_at(self.view.step(View::ALL.len() - 1)),
            KeyCode::Char('/') => self.is_filtering = true,
            KeyCode::Esc => self.set_filter(String::new()),
            KeyCode::Char('s') => self.sort_by_next(),
            KeyCode::Char('r') => {
                let sorting = self.place().sorting;
                self.sort(Sorting {
                    is_reversed: !sorting.is_reversed,
                    ..sorting
                });
            }
            code => self.scroll(code),
        }
    }

    fn look_at(&mut self, view: View) {
        self.view = view;
        self.make_rows();
    }

    fn write_filter(&mut self, code: KeyCode) {
        let mut filter = self.filter.clone();
        match code {
            KeyCode::Enter => self.is_filtering = false,
            KeyCode::Esc => {
                self.is_filtering = false;
                filter.clear();
            }
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Char(character) => filter.push(character),
            _ => {}
        }
        self.set_filter(filter);
    }

    fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.make_rows();
    }

    /// After the last column comes the order in which problems are first.
    fn sort_by_next(&mut self) {
        let next = self.place().sorting.column.map_or(0, |column| column + 1);
        self.sort(Sorting {
            column: (next < self.grid.heads.len()).then_some(next),
            is_reversed: false,
        });
    }

    fn sort(&mut self, sorting: Sorting) {
        self.places[self.view as usize].sorting = sorting;
        self.make_rows();
    }

    fn scroll(&mut self, code: KeyCode) {
        let (offset, page) = (self.place().offset, self.page.max(1));
        let offset = match code {
            KeyCode::Down | KeyCode::Char('j') => offset + 1,
            KeyCode::Up | KeyCode::Char('k') => offset.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => offset + page,
            KeyCode::PageUp => offset.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => usize::MAX,
            _ => return,
        };
        self.places[self.view as usize].offset = offset;
        self.stay_within();
    }

    /// A page of so many rows is drawn: scrolls no further than to the last one.
    pub(super) fn set_page(&mut self, page: usize) {
        self.page = page;
        self.stay_within();
    }

    fn stay_within(&mut self) {
        let last = self.grid.rows.len().saturating_sub(self.page.max(1));
        let place = &mut self.places[self.view as usize];
        place.offset = place.offset.min(last);
    }

    fn make_rows(&mut self) {
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        let mut grid = self.view.grid(snapshot);
        self.unfiltered = grid.rows.len();
        grid.filter(&self.filter);
        let sorting = self.place().sorting;
        // Events are in the order of time unless another one is asked for.
        if self.view != View::Events || sorting.column.is_some() || sorting.is_reversed {
            grid.sort(sorting);
        }
        self.grid = grid;
        self.stay_within();
    }
}
