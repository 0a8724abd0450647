//! `cargo xtask bench`: the budgets beside their floors, in release.

use anyhow::Result;

use crate::{db, workspace};

/// Runs the benchmarks; those of the database are left out where there is none.
pub fn run() -> Result<()> {
    let database = db::announce()?;
    let mut command = workspace::cargo();
    command.args(["bench", "--quiet", "--package", "onetape", "--bench", "budgets"]);
    if !database {
        command.env("ONETAPE_TEST_DB", "off");
    }
    workspace::run(&mut command)
}
