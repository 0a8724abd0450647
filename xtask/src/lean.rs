//! `cargo xtask lean`: a build of the store in memory alone pulls in no database, no exchange, no indicators and no C.

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Crates that other features bring, by the beginning of their names. `-sys` is a name's end for C, `cc` compiles it.
const UNWANTED: &[&str] = &[
    "sqlx",
    "ta-lib",
    "zstd",
    "flate2",
    "rustls",
    "hyper",
    "tokio-tungstenite",
    "onetape-sqlite",
    "onetape-timescale",
    "onetape-exchanges",
    "onetape-journal",
    "onetape-copy",
];

/// What the smallest build has and should not, in words.
pub fn check_smallest_build() -> Result<Vec<String>> {
    Ok(unwanted(&dependencies(&[])?))
}

/// Names and versions of all crates that the crate outside is built of on this machine, with more features of the
/// facade than none.
fn dependencies(features: &[&str]) -> Result<Vec<String>> {
    let manifest = "tests/outside/Cargo.toml";
    let mut command = workspace::cargo();
    command.args(["tree", "--quiet", "--locked", "--manifest-path", manifest, "--package", "outside"]);
    command.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    command.args(features.iter().flat_map(|feature| ["--features", feature]));
    let shown = workspace::shown(&command);
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut names: Vec<String> = String::from_utf8(output.stdout)
        .context("cargo's output is no text")?
        .lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn unwanted(names: &[String]) -> Vec<String> {
    let bad = |name: &&String| {
        let name = name.split(' ').next().unwrap_or_default();
        UNWANTED.iter().any(|begin| name.starts_with(begin)) || name.ends_with("-sys") || name == "cc"
    };
    names.iter().filter(bad).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_build_is_small() {
        let names = dependencies(&[]).unwrap();
        assert_eq!(unwanted(&names), Vec::<String>::new());
        assert!(names.iter().any(|name| name.starts_with("onetape-memory ")), "{names:?}");
        assert!(names.len() < 60, "{} crates: {names:?}", names.len());
    }

    #[test]
    fn what_other_features_bring_is_found() {
        let found = unwanted(&dependencies(&["onetape/sqlite", "onetape/indicators"]).unwrap());
        for name in ["sqlx-sqlite", "libsqlite3-sys", "ta-lib", "cc", "onetape-sqlite"] {
            assert!(
                found.iter().any(|found| found.split(' ').next() == Some(name)),
                "no {name} in {found:?}"
            );
        }
    }
}
