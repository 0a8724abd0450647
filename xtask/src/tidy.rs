//! `cargo xtask tidy`: house rules that no lint knows, checked on the text of every source file.

mod rules;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::workspace;

/// Every break of a house rule in the workspace, in words.
pub fn check_workspace() -> Result<Vec<String>> {
    let root = workspace::root();
    let mut found = Vec::new();
    for file in rust_files(root)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        found.extend(rules::check(&name, &text));
    }
    found.extend(rules::outdated_allowances(root));
    Ok(found)
}

fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![root.join("crates"), root.join("xtask")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.extend(Some(path).filter(|path| !path.ends_with("target")));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let found = check_workspace().unwrap();
        assert!(found.is_empty(), "{} breaks of house rules:\n{}", found.len(), found.join("\n"));
    }

    #[test]
    fn sources_are_found() {
        let files = rust_files(workspace::root()).unwrap();
        assert!(files.iter().any(|file| file.ends_with("xtask/src/tidy.rs")), "{files:?}");
        assert!(files.iter().any(|file| file.ends_with("crates/testdb/tests/it/main.rs")), "{files:?}");
    }
}
