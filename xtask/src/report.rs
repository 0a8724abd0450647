//! What tasks print, and how a check's findings become its outcome.

use std::{
    fmt::Display,
    io::{self, Write},
};

use anyhow::{Result, bail};

/// A line on standard output: a task's result, for people and for other programs.
pub fn line(text: impl Display) -> Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Fails where a check found anything, and shows all of it.
pub fn violations(what: &str, found: &[String]) -> Result<()> {
    if found.is_empty() {
        return line(format_args!("no {what}"));
    }
    bail!("{} {what}:\n  {}", found.len(), found.join("\n  "))
}
