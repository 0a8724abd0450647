//! A small Debian root with PostgreSQL and TimescaleDB in it, made with `mmdebstrap` on any Linux that has root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Cluster;
use crate::{
    Error, Settings,
    command::{self, Superuser, run},
    settings::fingerprint,
};

const SUITE: &str = "trixie";
const PACKAGES: &str = "postgresql-17,postgresql-17-timescaledb";
const BIN: &str = "/usr/lib/postgresql/17/bin";
const DATA: &str = "/var/lib/postgresql";

/// What `mmdebstrap` is told, apart from where to put the result. Changing it makes a new root beside the old one.
const RECIPE: &[&str] = &[
    "--variant=minbase",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    // The cluster that Debian makes by itself is never used.
    "--customize-hook=rm -rf \"$1\"/var/lib/postgresql/17 \"$1\"/etc/postgresql/17",
    // Shared memory: a plain folder is enough.
    "--customize-hook=mkdir -p \"$1\"/dev/shm && chmod 1777 \"$1\"/dev/shm",
];

/// The part of a name that changes when the recipe does.
pub(crate) fn recipe_id() -> String {
    let recipe = [&[SUITE, PACKAGES], RECIPE].concat().join("\n");
    format!("{:08x}", fingerprint(recipe.as_bytes()) >> 32)
}

pub(crate) fn cluster(root: PathBuf, name: &str) -> Cluster {
    Cluster { root: Some(root), bin: BIN.into(), data: Path::new(DATA).join(name) }
}

/// The root, made on first use. The caller holds the lock on `home`.
pub(crate) fn ensure(settings: &Settings) -> Result<PathBuf, Error> {
    let root = settings.home.join(format!("trixie-ts-{}", recipe_id()));
    let superuser = Superuser::detect();
    let superuser = superuser.ok_or_else(|| Error::Unusable("it needs root or password-less sudo".into()))?;
    if root.join("usr").is_dir() {
        return Ok(root);
    }
    mmdebstrap_is_there(superuser, settings.install_packages)?;
    // Made beside and renamed: the root is either whole or not there.
    let partial = root.with_extension("partial");
    if partial.exists() {
        run(superuser.command("rm").args(["-rf", "--one-file-system"]).arg(&partial))?;
    }
    eprintln!(
        "onetape-testdb: making a Debian root with TimescaleDB in {} (once, about half a minute)",
        root.display()
    );
    make(superuser.command("mmdebstrap").args(["--mode=root", "--format=directory"]), &partial)?;
    fs::rename(&partial, &root).map_err(Error::io(format!("name the finished root {}", root.display())))?;
    Ok(root)
}

/// The same root as a tar archive, for `docker import`.
#[cfg(feature = "containers")]
pub(crate) fn archive(settings: &Settings, target: &Path) -> Result<(), Error> {
    let mmdebstrap = if let Some(superuser) = Superuser::detect() {
        mmdebstrap_is_there(superuser, settings.install_packages)?;
        superuser.command("mmdebstrap")
    } else {
        Command::new("mmdebstrap") // it can do without root where user namespaces are allowed
    };
    eprintln!("onetape-testdb: making a Debian image with TimescaleDB (once, about half a minute)");
    make({ mmdebstrap }.arg("--format=tar"), target)
}

/// Where the programs are and where the data goes, in an image made from the archive.
#[cfg(feature = "containers")]
pub(crate) fn image_paths() -> (&'static str, String) {
    (BIN, format!("{DATA}/onetape"))
}

fn make(mmdebstrap: &mut Command, target: &Path) -> Result<(), Error> {
    run(mmdebstrap.args(RECIPE).arg(format!("--include={PACKAGES}")).arg(SUITE).arg(target)).map(drop)
}

fn mmdebstrap_is_there(superuser: Superuser, may_install: bool) -> Result<(), Error> {
    if command::find("mmdebstrap").is_some() {
        return Ok(());
    }
    if !may_install || command::find("apt-get").is_none() {
        return Err(Error::Unusable(
            "mmdebstrap is not installed (`cargo xtask db up` installs it on Debian)".into(),
        ));
    }
    eprintln!("onetape-testdb: installing mmdebstrap");
    let apt = |arguments: &[&str]| {
        run(superuser
            .command("env")
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"])
            .args(arguments))
    };
    apt(&["update"])?;
    apt(&["install", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"]).map(drop)
}
