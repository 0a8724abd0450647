//! Tables that fit the terminal: what matters least is left out before a number is broken over two lines.

use std::io::{self, IsTerminal as _};

use comfy_table::{Attribute, Cell as Drawn, Color, ContentArrangement, Table, presets};

use super::colours::{self, Tint};
use super::say;

/// One cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    tint: Option<Tint>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tint: None }
    }
}

impl Cell {
    pub(crate) fn tinted(text: impl Into<String>, tint: impl Into<Tint>) -> Self {
        Self { text: text.into(), tint: Some(tint.into()) }
    }
}

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Grid {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    spare: &'static [&'static str],
}

impl Grid {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new(), spare: &[] }
    }

    /// Columns that may be left out, the first of them first.
    pub(crate) fn sparing(mut self, columns: &'static [&'static str]) -> Self {
        self.spare = columns;
        self
    }

    pub(crate) fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Prints it, in as many columns as the terminal has room for.
    pub(crate) fn print(self) -> io::Result<()> {
        let (table, left_out) = self.laid_out(width(), colours::on_output());
        say!("{table}")?;
        if !left_out.is_empty() {
            say!("no room for: {}", left_out.join(", "))?;
        }
        Ok(())
    }

    /// The table, and the columns it has no room for.
    fn laid_out(mut self, width: Option<u16>, coloured: bool) -> (Table, Vec<&'static str>) {
        let mut left_out = Vec::new();
        if let Some(width) = width {
            for column in self.spare {
                if self.natural_width() <= usize::from(width) {
                    break;
                }
                self.leave_out(column);
                left_out.push(*column);
            }
        }
        (self.drawn(width, coloured), left_out)
    }

    fn leave_out(&mut self, column: &str) {
        let Some(place) = self.header.iter().position(|name| *name == column) else { return };
        self.header.remove(place);
        for row in &mut self.rows {
            if place < row.len() {
                row.remove(place);
            }
        }
    }

    /// Each column is as wide as its widest cell, between bars and blanks.
    fn natural_width(&self) -> usize {
        let width = |(place, name): (usize, &&str)| {
            let cells = self.rows.iter().filter_map(|row| row.get(place));
            cells.map(|cell| cell.text.chars().count()).chain([name.chars().count()]).max().unwrap_or(0) + 3
        };
        self.header.iter().enumerate().map(width).sum::<usize>() + 1
    }

    fn drawn(self, width: Option<u16>, coloured: bool) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Dynamic);
        if coloured {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        if let Some(width) = width {
            table.set_width(width);
        }
        let name = |name: &&str| {
            let cell = Drawn::new(name);
            if coloured { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(self.header.iter().map(name).collect::<Vec<_>>());
        for row in self.rows {
            let cell = |Cell { text, tint }| {
                let cell = Drawn::new(text);
                match tint.filter(|_| coloured) {
                    Some(Tint::Good) => cell.fg(Color::Green),
                    Some(Tint::Fair) => cell.fg(Color::Yellow),
                    Some(Tint::Bad) => cell.fg(Color::Red),
                    None => cell,
                }
            };
            table.add_row(row.into_iter().map(cell).collect::<Vec<_>>());
        }
        table
    }
}

/// Columns of the terminal; none where there is no terminal. `COLUMNS` goes before both.
fn width() -> Option<u16> {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| columns);
    named.or_else(|| if std::io::stdout().is_terminal() { terminal() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(&["time", "open", "close"]).sparing(&["open", "time"]);
        grid.row(["2024-08-09T00:00:00Z", "2682.5", "2683.75"]);
        grid
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        let lines = |width| {
            let (table, left_out) = grid().laid_out(width, false);
            (table.lines().map(|line| line.chars().count()).max().unwrap_or(0), left_out)
        };
        assert_eq!(lines(None), (43, vec![]));
        assert_eq!(lines(Some(43)), (43, vec![]));
        assert_eq!(lines(Some(42)), (34, vec!["open"]));
        assert_eq!(lines(Some(20)), (11, vec!["open", "time"]));
    }

    #[test]
    fn without_colours_there_is_no_escape() {
        let drawn = |coloured| {
            let mut grid = Grid::new(&["state"]);
            grid.row([Cell::tinted("gap", Tint::Bad)]);
            grid.drawn(None, coloured).to_string()
        };
        assert!(!drawn(false).contains('\u{1b}'));
        assert!(drawn(true).contains('\u{1b}'));
    }
}
