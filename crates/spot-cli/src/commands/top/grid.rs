//! Rows under heads: filtered, sorted, as wide as they need to be.

use std::cmp::Ordering;

use crate::output::columns;
use crate::text::printable;

/// The widest that a column gets while others want room, too.
const MAX_COLUMN: usize = 48;

/// What stands between columns.
pub(super) const GAP: &str = "  ";

/// Whether a row is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// Something is broken.
    Bad,
    /// It may be.
    Doubtful,
    Fine,
}

/// A cell: how it is shown, and what it is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// What others chose, too: shown without effect on a terminal.
    Text(String),
    /// A number with how it is shown; one that is not known is the least.
    Number(Option<f64>, String),
}

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) mark: Mark,
    pub(super) cells: Vec<Cell>,
}

/// Rows under heads.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// By what rows are sorted: as they came, those with a problem first, or by a column.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sorting {
    pub(super) column: Option<usize>,
    pub(super) is_reversed: bool,
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(printable(text.as_bytes()))
    }

    /// A whole number.
    pub(super) fn count(count: Option<u64>) -> Self {
        Self::number(count.map(|count| count as f64), |count| {
            format!("{count:.0}")
        })
    }

    pub(super) fn number(number: Option<f64>, show: impl FnOnce(f64) -> String) -> Self {
        let shown = number.map_or_else(|| "-".into(), show);
        Self::Number(number, shown)
    }

    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(_, text) => text,
        }
    }

    /// Numbers stand on the right.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Number(..))
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a, _), Self::Number(b, _)) => {
                let value = |number: &Option<f64>| number.unwrap_or(f64::NEG_INFINITY);
                value(a).total_cmp(&value(b))
            }
            (a, b) => a.shown().cmp(b.shown()),
        }
    }
}

impl Grid {
    pub(super) fn new<const COLUMNS: usize>(
        heads: [&'static str; COLUMNS],
        rows: impl IntoIterator<Item = (Mark, [Cell; COLUMNS])>,
    ) -> Self {
        let row = |(mark, cells): (Mark, [Cell; COLUMNS])| Row {
            mark,
            cells: cells.into(),
        };
        Self {
            heads: heads.into(),
            rows: rows.into_iter().map(row).collect(),
        }
    }

    /// Leaves rows that have `filter` in them, whatever its capitals.
    pub(super) fn filter(&mut self, filter: &str) {
        let filter = filter.to_lowercase();
        self.rows.retain(|row| {
            let mut cells = row.cells.iter();
            cells.any(|cell| cell.shown().to_lowercase().contains(&filter))
        });
    }

    /// Sorts; numbers begin with the highest.
    pub(super) fn sort(&mut self, sorting: Sorting) {
        match sorting.column {
            None => self.rows.sort_by_key(|row| row.mark),
            Some(column) => self.rows.sort_by(|a, b| {
                let (a, b) = (&a.cells[column], &b.cells[column]);
                let order = a.cmp(b);
                if a.is_number() {
                    order.reverse()
                } else {
                    order
                }
            }),
        }
        if sorting.is_reversed {
            self.rows.reverse();
        }
    }

    /// As many columns as fit into `width`, each with its width; the first is there in any case.
    pub(super) fn widths<'r>(
        &self,
        rows: impl Iterator<Item = &'r Row> + Clone,
        width: usize,
    ) -> Vec<usize> {
        let (mut widths, mut taken) = (Vec::new(), 0);
        for (column, head) in self.heads.iter().enumerate() {
            let cells = rows.clone().map(|row| row.cells[column].shown());
            let widest = cells.map(columns).max().unwrap_or(0);
            // Room for the mark of the order.
            let wanted = widest.clamp(head.len() + 1, MAX_COLUMN);
            let left = width.saturating_sub(taken);
            if column > 0 && wanted > left {
                break;
            }
            widths.push(wanted.min(left));
            taken += wanted + GAP.len();
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let row = |mark, name: &str, count| (mark, [Cell::text(name), Cell::count(count)]);
        Grid::new(
            ["NAME", "COUNT"],
            [
                row(Mark::Fine, "b", Some(2)),
                row(Mark::Fine, "a", None),
                row(Mark::Bad, "C", Some(10)),
            ],
        )
    }

    fn names(grid: &Grid) -> String {
        grid.rows.iter().map(|row| row.cells[0].shown()).collect()
    }

    #[test]
    fn problems_come_first_unless_a_column_is_chosen() {
        let sorted = |column, is_reversed| {
            let mut grid = grid();
            grid.sort(Sorting {
                column,
                is_reversed,
            });
            names(&grid)
        };
        assert_eq!(sorted(None, false), "Cba");
        assert_eq!(sorted(Some(0), false), "Cab");
        assert_eq!(
            sorted(Some(1), false),
            "Cba",
            "numbers: the highest first, unknown last"
        );
        assert_eq!(sorted(Some(1), true), "abC");
    }

    #[test]
    fn a_filter_looks_at_all_cells_and_at_no_capitals() {
        let filtered = |filter| {
            let mut grid = grid();
            grid.filter(filter);
            names(&grid)
        };
        assert_eq!(filtered("c"), "C");
        assert_eq!(filtered("10"), "C");
        assert_eq!(filtered(""), "baC");
    }

    #[test]
    fn columns_that_do_not_fit_are_left_out_but_for_the_first() {
        let grid = grid();
        let widths = |width| grid.widths(grid.rows.iter(), width);
        assert_eq!(widths(80), [5, 6]);
        assert_eq!(widths(13), [5, 6]);
        assert_eq!(widths(12), [5]);
        assert_eq!(widths(3), [3]);
    }
}
