//! The note a workspace keeps of the server it started, so that other processes find it and `down` stops that one only.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, Settings, local::Cluster};

/// A server that this workspace started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The superuser's URL of the database `postgres`.
    pub url: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// What runs it.
    pub engine: Engine,
}

/// What runs a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Engine {
    /// PostgreSQL's own programs on this machine.
    Local(Cluster),
    /// A container of the local Docker engine.
    Container {
        /// Its id.
        id: String,
        /// The image it was made from.
        image: String,
    },
}

fn file(settings: &Settings) -> PathBuf {
    settings.state_dir.join("db.json")
}

pub(crate) fn lock_file(settings: &Settings) -> PathBuf {
    settings.state_dir.join("db.lock")
}

/// The server noted, which need not be alive. A note that cannot be read counts as none: the server is then started anew.
pub(crate) fn read(settings: &Settings) -> Option<Running> {
    serde_json::from_slice(&fs::read(file(settings)).ok()?).ok()
}

/// Written beside and renamed, so that a reader never sees half a note.
pub(crate) fn write(settings: &Settings, running: &Running) -> Result<(), Error> {
    let file = file(settings);
    let partial = file.with_extension("json.partial");
    let text =
        serde_json::to_vec_pretty(running).map_err(|e| Error::io("write the server's note")(e.into()))?;
    fs::write(&partial, text).map_err(Error::io(format!("write {}", partial.display())))?;
    fs::rename(&partial, &file).map_err(Error::io(format!("write {}", file.display())))
}

pub(crate) fn remove(settings: &Settings) -> Result<(), Error> {
    remove_if_there(&file(settings))
}

pub(crate) fn remove_if_there(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(format!("remove {}", file.display()))(error))
        }
        _ => Ok(()),
    }
}
