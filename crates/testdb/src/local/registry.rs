//! Which workspace owns which cluster, so that the clusters of checkouts that are gone do not pile up.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Cluster;
use crate::{Error, Settings, state};

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    state_dir: PathBuf,
    cluster: Cluster,
}

fn folder(home: &Path) -> PathBuf {
    home.join("clusters")
}

fn file(settings: &Settings) -> PathBuf {
    folder(&settings.home).join(format!("{}.json", settings.workspace_id()))
}

pub(crate) fn enter(settings: &Settings, cluster: &Cluster) -> Result<(), Error> {
    let folder = folder(&settings.home);
    fs::create_dir_all(&folder).map_err(Error::io(format!("create {}", folder.display())))?;
    let entry = Entry { state_dir: settings.state_dir.clone(), cluster: cluster.clone() };
    let text = serde_json::to_vec_pretty(&entry).map_err(|e| Error::io("write the register")(e.into()))?;
    let file = file(settings);
    fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))
}

/// The cluster that this workspace has, running or not.
pub(crate) fn find(settings: &Settings) -> Option<Cluster> {
    read(&file(settings)).map(|entry| entry.cluster)
}

pub(crate) fn leave(settings: &Settings) -> Result<(), Error> {
    state::remove_if_there(&file(settings))
}

/// Stops and deletes the clusters of workspaces that no longer exist. Best effort: it must never keep a server from starting.
pub(crate) fn prune(home: &Path) {
    let Ok(entries) = fs::read_dir(folder(home)) else {
        return;
    };
    for file in entries.flatten().map(|entry| entry.path()) {
        let Some(entry) = read(&file) else { continue };
        if entry.state_dir.parent().is_some_and(Path::exists) {
            continue;
        }
        eprintln!("onetape-testdb: deleting the server of {}, which is gone", entry.state_dir.display());
        if entry.cluster.stop().and_then(|_| entry.cluster.delete()).is_ok() {
            let _ = fs::remove_file(&file);
        }
    }
}

fn read(file: &Path) -> Option<Entry> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}
