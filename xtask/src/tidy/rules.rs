//! The house rules, one function each.

use std::path::Path;

/// The most lines a file of a crate's `src` may have.
const MAX_LINES: usize = 500;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// What no source file may contain, and what to write instead. In pieces, so that this file does not break its own rule.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("#[", "ignore"), "a test that does not run proves nothing: make it run, or delete it"),
    (concat!("#[", "should_panic"), "it passes on any panic: assert on the error, or on what was caught"),
    (concat!("to", "do!("), "unfinished code does not land"),
];

/// What is wrong with one file, whose name is relative to the workspace.
pub(super) fn check(name: &str, text: &str) -> Vec<String> {
    let found =
        [opening(text), length(name, text), module_file(name)].into_iter().flatten().chain(forbidden(text));
    found.map(|wrong| format!("{name}: {wrong}")).collect()
}

/// Allowances for files that are gone or short again.
pub(super) fn outdated_allowances(root: &Path) -> Vec<String> {
    let outdated = |name: &str| {
        let text = std::fs::read_to_string(root.join(name)).unwrap_or_default();
        text.lines().count() <= MAX_LINES
    };
    LONG_FILES
        .iter()
        .filter(|(name, _)| outdated(name))
        .map(|(name, _)| format!("{name}: no longer needs its place in the list of long files"))
        .collect()
}

fn opening(text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or_default();
    let says_something = first.strip_prefix("//! ").is_some_and(|rest| !rest.trim().is_empty());
    (!says_something).then(|| "does not open with a `//!` line that says what lives in it".to_owned())
}

fn length(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let in_src = name.starts_with("crates/") && name.contains("/src/");
    let allowed = LONG_FILES.iter().any(|(long, _)| *long == name);
    (in_src && lines > MAX_LINES && !allowed)
        .then(|| format!("has {lines} lines, more than {MAX_LINES}: split it"))
}

fn module_file(name: &str) -> Option<String> {
    name.ends_with("/mod.rs").then(|| "is called mod.rs: call it after its folder, beside it".to_owned())
}

fn forbidden(text: &str) -> impl Iterator<Item = String> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let code = if line.trim_start().starts_with("//") { "" } else { line };
        let hits = FORBIDDEN.iter().filter(move |(pattern, _)| code.contains(pattern));
        hits.map(move |(pattern, instead)| format!("line {}: `{pattern}`: {instead}", index + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "//! What lives here.\n";

    #[test]
    fn a_good_file_passes() {
        assert_eq!(check("crates/domain/src/lib.rs", GOOD), Vec::<String>::new());
    }

    #[test]
    fn the_first_line_must_say_something() {
        for text in ["", "fn main() {}\n", "//!\n", "\n//! Late.\n", "// A comment.\n"] {
            assert_eq!(check("xtask/src/x.rs", text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn long_files_are_found_in_src_only() {
        let long = GOOD.repeat(MAX_LINES + 1);
        assert!(check("crates/domain/src/long.rs", &long)[0].contains("has 501 lines"));
        assert_eq!(check("crates/domain/tests/it/long.rs", &long), Vec::<String>::new());
        assert_eq!(check("crates/domain/src/x.rs", &GOOD.repeat(MAX_LINES)), Vec::<String>::new());
    }

    #[test]
    fn forbidden_words_are_found_with_their_line() {
        for (pattern, _) in FORBIDDEN {
            let found = check("crates/a/src/b.rs", &format!("{GOOD}    {pattern} = \"later\")]\n"));
            assert!(found.len() == 1 && found[0].contains("line 2: "), "{found:?}");
        }
        let comment = format!("{GOOD}// why there is no {}]\n", FORBIDDEN[0].0);
        assert_eq!(check("crates/a/src/b.rs", &comment), Vec::<String>::new());
    }

    #[test]
    fn module_files_are_called_after_their_folder() {
        assert_eq!(check("crates/a/src/b/mod.rs", GOOD).len(), 1);
    }
}
