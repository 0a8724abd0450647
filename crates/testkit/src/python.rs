//! Python with the packages that tests compare with.

use std::path::{Path, PathBuf};

/// Python with the packages of `crates/cli/tests/python/requirements.txt`: the one that `ONETAPE_TEST_PYTHON` names, else
/// that of the virtual environment `python` in the folder of the build. None, with one visible line, where there is none.
///
/// # Panics
/// Where there is none and `ONETAPE_TEST_PYTHON` is `required` or names one.
pub fn python(target: &Path) -> Option<PathBuf> {
    let setting = std::env::var("ONETAPE_TEST_PYTHON").ok();
    let named = setting.as_deref().filter(|value| *value != "required").map(PathBuf::from);
    let python = named.unwrap_or_else(|| target.join("python/bin/python"));
    if python.exists() {
        return Some(python);
    }
    assert!(setting.is_none(), "Python is required, but there is no {}", python.display());
    eprintln!("SKIPPED: no Python at {}: see docs/TESTING.md", python.display());
    None
}
