//! The one printer of lists: each item becomes a line of JSON or a row of a table.

use std::borrow::Borrow;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stdout};

use anyhow::Result;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableStyle};

use super::words::visible;
use super::{Output, say};

/// How a cell of a table reads an item.
type Cell<'a, T> = Box<dyn Fn(&T) -> String + 'a>;

/// How a line of JSON reads an item.
type JsonLine<'a, T> = Box<dyn Fn(&T) -> Result<String> + 'a>;

/// The columns of a table: each has a head and the text of its cell.
pub(crate) struct Columns<'a, T> {
    heads: Vec<String>,
    cells: Vec<Cell<'a, T>>,
}

impl<'a, T> Columns<'a, T> {
    pub(crate) fn new() -> Self {
        Self { heads: Vec::new(), cells: Vec::new() }
    }

    /// Adds a column on the right.
    pub(crate) fn with<C: Display>(mut self, head: impl Into<String>, cell: impl Fn(&T) -> C + 'a) -> Self {
        self.heads.push(head.into());
        self.cells.push(Box::new(move |item| cell(item).to_string()));
        self
    }

    /// The table of some items.
    pub(crate) fn table(&self, items: impl IntoIterator<Item = impl Borrow<T>>) -> Table {
        let mut table = empty_table(&self.heads);
        for item in items {
            table.add_row(self.row(item.borrow()));
        }
        table
    }

    /// Prints the table of some items.
    pub(crate) fn print(&self, items: impl IntoIterator<Item = impl Borrow<T>>) -> Result<()> {
        print_table(&self.table(items))
    }

    fn row(&self, item: &T) -> Vec<String> {
        self.cells.iter().map(|cell| cell(item)).collect()
    }
}

/// A list that is printed item by item. JSON appears at once; a table appears at the end, because the
/// width of its columns depends on all rows.
pub(crate) struct Rows<'a, T> {
    columns: Columns<'a, T>,
    /// `None` for a table.
    json: Option<JsonLine<'a, T>>,
    table: Table,
}

impl<T> Rows<'_, T> {
    pub(crate) fn add(&mut self, item: &T) -> Result<()> {
        match &self.json {
            Some(json) => say(json(item)?)?,
            None => {
                self.table.add_row(self.columns.row(item));
            }
        }
        Ok(())
    }

    /// Prints what was not printed yet.
    pub(crate) fn end(self) -> Result<()> {
        if self.json.is_none() { print_table(&self.table) } else { Ok(()) }
    }
}

impl Output {
    /// Begins a list; `json` makes the line of an item (see `json_line`).
    pub(crate) fn rows<'a, T>(
        self,
        columns: Columns<'a, T>,
        json: impl Fn(&T) -> Result<String> + 'a,
    ) -> Rows<'a, T> {
        let json: Option<JsonLine<'a, T>> = match self {
            Self::Json => Some(Box::new(json)),
            Self::Table => None,
        };
        Rows { table: empty_table(&columns.heads), columns, json }
    }

    /// Prints a whole list.
    pub(crate) fn list<'a, T>(
        self,
        items: impl IntoIterator<Item = impl Borrow<T>>,
        columns: Columns<'a, T>,
        json: impl Fn(&T) -> Result<String> + 'a,
    ) -> Result<()> {
        let mut rows = self.rows(columns, json);
        for item in items {
            rows.add(item.borrow())?;
        }
        rows.end()
    }
}

/// A table without borders, as wide as the terminal.
fn empty_table(heads: &[String]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(heads);
    if !stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// A column up to this wide, such as a time, is not wrapped while the others have room.
const NARROW: u16 = 20;

/// Characters that a column needs to be of use.
const ROOM: u16 = 12;

/// Prints a table without the spaces at line ends.
fn print_table(table: &Table) -> Result<()> {
    let mut out = stdout().lock();
    for line in fitted(table.clone()).lines() {
        writeln!(out, "{}", visible(line.trim_end()))?;
    }
    Ok(())
}

/// The table with only its widest columns wrapped, as far as needed.
fn fitted(mut table: Table) -> Table {
    let Some(terminal) = table.width() else { return table };
    let mut widths: Vec<(u16, usize)> = table.column_max_content_widths().into_iter().zip(0..).collect();
    widths.sort_unstable();
    // A space on each side of each column.
    let mut left = terminal.saturating_sub(2 * widths.len() as u16);
    for (at, (width, column)) in widths.iter().enumerate() {
        let others = (widths.len() - at - 1) as u16;
        if *width > NARROW || width + others * ROOM > left {
            break;
        }
        left -= width;
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_not_broken() {
        let time = "2026-11-22T14:56:46Z";
        let mut rows = Table::new();
        rows.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
        rows.add_row([
            time,
            "ann",
            "a long reason that must be broken somewhere, because it is longer than it all",
        ]);
        for (width, whole) in [(200, true), (80, true), (45, true), (30, false)] {
            rows.set_width(width);
            let shown = fitted(rows.clone()).to_string();
            assert_eq!(shown.contains(time), whole, "{width}:\n{shown}");
            assert!(shown.lines().all(|line| line.len() <= width.into()), "{width}:\n{shown}");
        }
    }
}
