//! How answers are written: CSV and JSON for programs, tables for people.

pub(crate) mod frame;
pub(crate) mod rows;
pub(crate) mod summary;

use comfy_table::{ContentArrangement, Table, presets};

/// A table in the house style.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    table
}
