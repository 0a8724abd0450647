//! Real inputs: where they are, and their golden files.

use std::path::{Path, PathBuf};

/// The folder of real inputs: `ONETAPE_TEST_DATA` where it names one, else `../shared/data` beside the
/// workspace. None, with one visible line, where it is absent.
///
/// # Panics
/// Where it is absent and `ONETAPE_TEST_DATA` is `required` or names a folder.
pub fn folder() -> Option<PathBuf> {
    let setting = std::env::var("ONETAPE_TEST_DATA").ok();
    let named = setting.as_deref().filter(|value| *value != "required").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = named.unwrap_or_else(beside);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(setting.is_none(), "test data is required, but {} is no folder", folder.display());
    eprintln!("skipped: no test data at {}", folder.display());
    None
}

/// Rows of a golden CSV file, without its header.
///
/// # Panics
/// Where the file cannot be read.
pub fn golden_rows(name: &str) -> Vec<Vec<String>> {
    lines(name).into_iter().skip(1).collect()
}

/// Header of a golden CSV file.
///
/// # Panics
/// Where the file cannot be read.
pub fn golden_header(name: &str) -> Vec<String> {
    lines(name).swap_remove(0)
}

fn lines(name: &str) -> Vec<Vec<String>> {
    let path = folder().expect("test data").join("golden").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
