//! How answers are written: CSV and JSON for programs, tables for people.

pub mod frame;
pub mod rows;
pub mod summary;

use comfy_table::{ContentArrangement, Table, presets};

/// A table in the house style.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    table
}
