//! `docs/MIGRATION.md` as a user follows it: every command that it shows is run in order, in a folder as it says, and prints what is
//! shown there.

use std::os::unix::fs::symlink;
use std::path::Path;

use onetape::prelude::Timestamp;

use crate::import::cache;
use crate::support::{Home, Ran, tape};

const PAGE: &str = include_str!("../../../../docs/MIGRATION.md");
/// Stands for lines that are left out, or for the rest of a line.
const AND_SO_ON: &str = "…";

/// A command of the page and what it shows of its output.
#[derive(Debug, Default)]
struct Shown {
    command: String,
    lines: Vec<String>,
}

/// Everything that is shown as a command, and variables that are set before.
fn shown(page: &str) -> (Vec<(String, String)>, Vec<Shown>) {
    let (mut variables, mut commands) = (Vec::new(), Vec::<Shown>::new());
    let mut is_output = false;
    for line in page.lines() {
        let Some(line) = line.strip_prefix("    ") else {
            is_output = false;
            continue;
        };
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Shown { command: command.to_owned(), lines: Vec::new() });
            is_output = true;
        } else if let Some((name, value)) = line.strip_prefix("export ").and_then(|set| set.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
        } else if let Some(last) = commands.last_mut().filter(|_| is_output) {
            last.lines.push(line.to_owned());
        }
    }
    (variables, commands)
}

/// The folder that the page speaks of: four sound files of pandas, one with five broken rows, and a pickle that would run a
/// program; beside it the tape.
fn folder(home: &Home) -> Option<()> {
    let (sound, dirty) = (cache("pandas-2.2.3")?, cache("dirty")?);
    let put = |from: &Path, name: &str| {
        let to = home.path().join(name);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        std::fs::copy(from, &to).expect("copied");
    };
    for name in ["ETHUSDT_1s.parquet", "ETHUSDT_1m.parquet", "BTCUSD_1m.parquet", "ohlcv_cache.pkl"] {
        put(&sound.join(name), &format!("cache/{name}"));
    }
    put(&dirty.join("five_invalid_rows/ETHUSDT_1s.parquet"), "cache/BNBUSDT_1s.parquet");
    put(&dirty.join("hostile_pickle/ETHUSDT_1m.pkl"), "cache/ETHUSDT_1m.pkl");
    for file in tape()? {
        let name = file.file_name().expect("a name").to_owned();
        symlink(std::path::absolute(&file).expect("a path"), home.path().join(name)).expect("linked");
    }
    Some(())
}

/// A line without what differs from run to run: how long it took, and the time of day. Widths of columns follow from these.
fn masked(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let mask = |(at, word): (usize, &&str)| {
        let bare = word.trim_matches(['(', ')', ',', ';', ':', '.', '`']);
        let follows = words.get(at + 1).map(|next| next.trim_matches(['(', ')', ',', ';', '.']));
        let is_rate = bare.strip_suffix("/s").is_some_and(is_number);
        let is_now =
            bare.parse::<Timestamp>().is_ok_and(|time| time > Timestamp::from_micros(YEAR_OF_THE_PAGE));
        if is_rate || is_now || (is_number(bare) && matches!(follows, Some("s" | "ms" | "µs"))) {
            word.replace(bare, "#")
        } else if !word.is_empty() && word.chars().all(|letter| matches!(letter, '-' | '|')) {
            word.split('|')
                .map(|column| if column.is_empty() { "" } else { "-" })
                .collect::<Vec<_>>()
                .join("|")
        } else {
            (*word).to_owned()
        }
    };
    words.iter().enumerate().map(mask).collect()
}

/// The market's times on the page are of 2017 to 2024, those of the clock later than 2025.
const YEAR_OF_THE_PAGE: i64 = 1_735_689_600_000_000;

fn is_same(shown: &str, printed: &str) -> bool {
    match shown.strip_suffix(AND_SO_ON) {
        Some(start) => printed.starts_with(start.trim_end()),
        None => masked(shown) == masked(printed),
    }
}

/// Where printed lines are those shown; a line of its own with `…` stands for any.
fn matches(shown: &[String], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == AND_SO_ON => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => is_same(first, line) && matches(rest, others),
        _ => false,
    }
}

#[test]
fn every_command_of_the_page_prints_what_is_shown() {
    let home = Home::new();
    let Some(()) = folder(&home) else { return };
    let (variables, commands) = shown(PAGE);
    assert!(variables.iter().any(|(name, _)| name == "ONETAPE_STORE"), "the page names the store");
    assert!(commands.len() >= 6, "{} commands", commands.len());
    let own = Path::new(env!("CARGO_BIN_EXE_onetape")).parent().expect("a folder");
    let path = std::env::join_paths(
        std::iter::once(own.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.expect("a path");
    for Shown { command, lines } in commands {
        let mut shell = home.program("sh");
        shell.args(["-c", &command]).envs(variables.clone()).env("PATH", &path).env("COLUMNS", "120");
        let ran: Ran = shell.output().expect("a shell runs").into();
        // The log goes where errors go, and is not shown.
        let told = ran.err.lines().filter(|line| line.starts_with("error:") || line.starts_with("hint:"));
        let printed: Vec<&str> = ran.out.lines().chain(told).collect();
        assert!(
            matches(&lines, &printed),
            "$ {command}\nprinted (exit code {}):\n{}\n\nthe page shows:\n{}\n\n{}",
            ran.code,
            printed.join("\n"),
            lines.join("\n"),
            ran.err,
        );
    }
}

#[test]
fn what_is_compared_leaves_out_times_and_nothing_else() {
    assert!(is_same("read in 1.9 s (41945/s) of a", "read in 12.25 s (7/s) of a"));
    assert!(!is_same("read 5 rows in 1.9 s", "read 6 rows in 1.9 s"));
    assert!(is_same("| a  | 2026-11-26T10:00:00Z |", "| a | 2027-01-02T10:00:00.5Z |"));
    assert!(!is_same("from 2024-08-08T23:54:15Z", "from 2024-08-08T23:54:16Z"));
    assert!(is_same("|----|---|", "|--|-|") && !is_same("|----|---|", "|----|"));
    assert!(is_same("invalid: a row 5 …", "invalid: a row 5: because"));
    let page = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(matches(&page(&["a", "…", "b"]), &["a", "c", "d", "b"]));
    assert!(matches(&page(&["a", "…"]), &["a"]));
    assert!(!matches(&page(&["a", "…", "b"]), &["a", "c"]));
    assert!(!matches(&page(&["a"]), &["a", "b"]));
    let (variables, commands) =
        shown("text\n    export A=b\n    $ one two\n    out\n\n    no output\n    $ three\n");
    assert_eq!(variables, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(
        commands.iter().map(|shown| (shown.command.as_str(), shown.lines.len())).collect::<Vec<_>>(),
        [("one two", 1), ("three", 0)]
    );
}
