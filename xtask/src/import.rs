//! `cargo xtask import` and `cargo xtask cutover`: the commands of `onetape`, built from here, on the workspace's own database.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::{db, workspace};

/// What is passed on to `onetape`.
#[derive(Debug, Args)]
pub struct Options {
    /// As `onetape` takes them: `plan FOLDER`, `run FOLDER`, `--help`. Without a store it is the database `onetape` of the
    /// workspace's server, which is started and set up if need be
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// The variable that names a store.
const STORE: &str = "ONETAPE_STORE";

/// Runs a command of `onetape` in the folder where the developer is; ends this process with its exit code where that is not 0.
pub fn run(command: &str, options: &Options) -> Result<()> {
    let mut onetape = onetape(command, &options.arguments);
    if needs_store(&options.arguments) && std::env::var_os(STORE).is_none() {
        onetape.env(STORE, db::prepared()?);
    }
    let shown = workspace::shown(&onetape);
    let status = onetape.status().with_context(|| format!("cannot run `{shown}`"))?;
    match status.code() {
        Some(0) => Ok(()),
        code => std::process::exit(code.unwrap_or(1)),
    }
}

fn onetape(command: &str, arguments: &[OsString]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--package", "onetape-cli", "--manifest-path"]);
    cargo.arg(workspace::root().join("Cargo.toml")).args(["--", command]).args(arguments);
    if let Ok(here) = std::env::current_dir() {
        cargo.current_dir(here);
    }
    cargo
}

/// Whether a store is used, and none is named.
fn needs_store(arguments: &[OsString]) -> bool {
    let is = |word: &str| arguments.iter().any(|argument| argument == word);
    let names_one = |argument: &OsString| argument.to_string_lossy().starts_with("--store");
    !arguments.is_empty()
        && !arguments.iter().any(names_one)
        && !["plan", "--help", "-h", "help"].into_iter().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn what_is_given_reaches_onetape_as_it_is() {
        let command = onetape("import", &words("run old --json --store sqlite://a.db"));
        let shown = workspace::shown(&command);
        assert!(shown.ends_with("-- import run old --json --store sqlite://a.db"), "{shown}");
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(command.get_current_dir(), Some(here.as_path()), "paths are those of the developer");
    }

    #[test]
    fn a_server_is_started_only_for_what_needs_one() {
        for text in ["run old", "status", "resume --json", "shadow old"] {
            assert!(needs_store(&words(text)), "{text}");
        }
        for text in
            ["", "plan old", "--help", "run --help", "run old --store memory:", "verify --store=memory:"]
        {
            assert!(!needs_store(&words(text)), "{text}");
        }
    }
}
