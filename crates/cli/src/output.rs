//! How answers are written: CSV and JSON for programs, tables for people.

pub(crate) mod colours;
pub(crate) mod frame;
pub(crate) mod grid;
pub(crate) mod quantities;
pub(crate) mod rows;
pub(crate) mod spark;
pub(crate) mod summary;

use std::fmt;
use std::io::{self, Write as _};

/// Writes a line to standard output. A reader that has gone is an error like any other, not a panic.
pub(crate) fn line(words: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_fmt(words)?;
    out.write_all(b"\n")
}

/// Writes a line to standard error, where nobody needs to listen.
pub(crate) fn remark(words: fmt::Arguments<'_>) {
    let mut out = io::stderr().lock();
    let _ = out.write_fmt(words).and_then(|()| out.write_all(b"\n"));
}

/// [`line`] with the words of a format.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::output::line(format_args!($($words)*))
    };
}

/// [`remark`] with the words of a format.
macro_rules! note {
    ($($words:tt)*) => {
        $crate::output::remark(format_args!($($words)*))
    };
}

pub(crate) use {note, say};
