//! `cargo xtask test`: every test of the workspace, the examples in its documentation included.

use std::{env, ffi::OsString, process::Stdio};

use anyhow::Result;
use clap::Args;

use crate::{db, workspace};

/// What to run.
#[derive(Debug, Args)]
pub struct Options {
    /// Leave out the examples in the documentation
    #[arg(long)]
    no_doc: bool,
    /// Passed on to the test runner: filters, `-p CRATE` and so on (the examples are then left out)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Runs the tests; the last lines printed are the summary of the whole suite.
pub fn run(options: &Options) -> Result<()> {
    // Once, before all: so that no test pays for the start of a server, and a machine without one is tried only once.
    let database = db::announce()?;
    let command = |arguments: &[&str]| {
        let mut command = workspace::cargo();
        command.args(arguments);
        if !database {
            command.env("ONETAPE_TEST_DB", "off");
        }
        command
    };
    if !options.no_doc && options.rest.is_empty() {
        workspace::run(&mut command(&["test", "--quiet", "--doc", "--workspace"]))?;
    }
    let mut tests = if has_nextest() {
        let mut tests = command(&["nextest", "run"]);
        if env::var_os("CI").is_some() {
            tests.args(["--profile", "ci"]);
        }
        tests
    } else {
        command(&["test", "--tests"])
    };
    if options.rest.is_empty() {
        tests.arg("--workspace");
    }
    workspace::run(tests.args(&options.rest))
}

fn has_nextest() -> bool {
    let mut probe = workspace::cargo();
    probe.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
