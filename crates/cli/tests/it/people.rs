//! What only people see: tables that fit, colours, closed pipes, completions, manuals.

use std::process::Stdio;

use crate::support::{Home, Ran};

const QUESTIONS: &[&[&str]] = &[
    &["demo"],
    &["status"],
    &["query", "inference", "demo:ETH/USDT"],
    &["query", "candles", "demo:ETH/USDT", "--timeframe", "1s"],
    &["query", "trades", "demo:ETH/USDT"],
    &["query", "imbalances", "demo:ETH/USDT"],
    &["query", "buckets", "demo:ETH/USDT", "--limit", "3"],
    &["query", "coverage", "demo:ETH/USDT"],
    &["query", "book", "demo:ETH/USDT"],
];

#[test]
fn tables_fit_the_terminal_and_break_no_number() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    for args in QUESTIONS {
        for columns in ["60", "80", "120"] {
            let out = home.onetape_with(&[("COLUMNS", columns)], args).ok();
            let width: usize = columns.parse().expect("a number");
            for line in out.lines().filter(|line| line.starts_with('|')) {
                assert!(line.chars().count() <= width, "{args:?} in {columns} columns:\n{line}");
            }
            // A cell that is broken goes on in a row whose first cell is empty.
            let broken = out.lines().filter(|line| line.starts_with("|  ") && line.contains("| 2")).count();
            assert!(columns == "60" || broken == 0, "{args:?} in {columns} columns:\n{out}");
        }
    }
}

#[test]
fn long_tables_show_both_ends() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let args = ["query", "candles", "demo:ETH/USDT", "--timeframe", "1s"];
    let out = home.onetape(&args).ok();
    let csv = home.onetape(&[&args[..], &["--format", "csv"]].concat()).ok();
    let times: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let (first, last) = (times[0], times[times.len() - 1]);
    assert!(out.contains(first) && out.contains(last) && out.contains('…'), "{out}");
    assert!(out.contains(&format!("the first 10 and the last 40 of {} rows", times.len())), "{out}");
}

#[test]
fn colours_obey_the_environment() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let escapes =
        |variables: &[(&str, &str)]| home.onetape_with(variables, &["status"]).ok().contains('\u{1b}');
    assert!(!escapes(&[]), "standard output is no terminal here");
    assert!(escapes(&[("CLICOLOR_FORCE", "1")]));
    assert!(!escapes(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    let wrong = |variables: &[(&str, &str)]| home.onetape_with(variables, &["demoo"]).err;
    assert!(!wrong(&[]).contains('\u{1b}') && wrong(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(
        wrong(&[("CLICOLOR_FORCE", "1")])
            .trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("hint: "))
    );
}

/// As of `onetape … | head -0`: whoever reads has gone before the first line.
#[test]
fn a_closed_pipe_is_no_panic() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let more: &[&[&str]] = &[
        &["--help"],
        &["query", "trades", "demo:ETH/USDT", "--format", "csv"],
        &["query", "trades", "demo:ETH/USDT", "--format", "json"],
        &["query", "inference", "demo:ETH/USDT", "--format", "json"],
        &["status", "--json"],
        &["config", "show"],
        &["completions", "zsh"],
        &["man"],
        &["db", "settings"],
        &["db", "status"],
        &["doctor"],
        &["maintain"],
    ];
    for args in QUESTIONS.iter().chain(more) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = home.command();
        command.args(*args).stdout(writer).stderr(Stdio::piped());
        let ran = Ran::from(command.output().expect("the binary runs"));
        assert!(
            !ran.err.contains("panicked") && ran.code == 0,
            "{args:?} ended with {}: {}",
            ran.code,
            ran.err
        );
    }
    // Nobody reads errors either.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = home.command();
    let status =
        command.args(["query", "trades", "no:SUCH/THING"]).stdout(Stdio::null()).stderr(writer).status();
    assert_eq!(status.expect("the binary runs").code(), Some(1));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let mut command = home.command();
    let ran = Ran::from(command.args(["status"]).stdout(full).stderr(Stdio::piped()).output().expect("runs"));
    assert!(ran.code == 1 && ran.err.contains("hint: make room"), "{}", ran.err);
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.onetape(&["completions", shell]).ok();
        for word in ["onetape", "inference", "completions", "timeframe"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
    }
}

#[test]
fn there_is_a_manual_of_every_command() {
    let home = Home::new();
    let page = home.onetape(&["man"]).ok();
    assert!(page.contains(".TH onetape 1") && page.contains("replay"), "{page}");
    home.onetape(&["man", "--dir", "man/man1"]).ok();
    for name in ["onetape.1", "onetape-demo.1", "onetape-query-candles.1", "onetape-config-init.1"] {
        assert!(home.path().join("man/man1").join(name).is_file(), "no {name}");
    }
}
