//! Where the real inputs are.

use std::path::PathBuf;

/// The folder of real inputs. Absent, tests skip with one visible line, or fail where they are required.
pub(crate) fn dir() -> Option<PathBuf> {
    let setting = std::env::var("ONETAPE_TEST_DATA").ok().filter(|value| !value.is_empty());
    let named = setting.as_deref().filter(|value| *value != "required").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let dir = named.unwrap_or_else(beside);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(setting.is_none(), "test data is required, but {} is no folder", dir.display());
    eprintln!("skipped: no test data at {}", dir.display());
    None
}
