//! A server of this machine's own: which installation it runs from, and the one cluster each workspace has.

mod cluster;
mod host;
mod registry;
mod rootfs;

pub use cluster::Cluster;
#[cfg(feature = "containers")]
pub(crate) use rootfs::{archive, image_paths, recipe_id};

use crate::{Error, Settings, error::chain, lock::FileLock};

/// Makes sure that this workspace's cluster exists and is running; its port.
pub(crate) fn start(settings: &Settings) -> Result<(Cluster, u16), Error> {
    let _home = FileLock::acquire(&settings.home.join("lock"))?;
    registry::prune(&settings.home);
    let cluster = cluster(settings)?;
    registry::enter(settings, &cluster)?;
    cluster.create()?;
    let port = cluster.start()?;
    Ok((cluster, port))
}

/// Stops this workspace's cluster, if it has one, and deletes its data.
pub(crate) fn purge(settings: &Settings) -> Result<(), Error> {
    let Some(cluster) = registry::find(settings) else {
        return Ok(());
    };
    let _home = FileLock::acquire(&settings.home.join("lock"))?;
    cluster.stop()?;
    cluster.delete()?;
    registry::leave(settings)
}

/// A cluster beside this workspace's own, which its caller starts, stops and deletes.
pub(crate) fn beside(settings: &Settings, what: &str) -> Result<Cluster, Error> {
    let _home = FileLock::acquire(&settings.home.join("lock"))?;
    named(settings, &format!("onetape-{}-{what}", settings.workspace_id()))
}

fn cluster(settings: &Settings) -> Result<Cluster, Error> {
    named(settings, &format!("onetape-{}", settings.workspace_id()))
}

fn named(settings: &Settings, name: &str) -> Result<Cluster, Error> {
    let no_host = match host::find() {
        Ok(host) => return host.cluster(&settings.home, name),
        Err(why) => why,
    };
    match rootfs::ensure(settings) {
        Ok(root) => Ok(rootfs::cluster(root, name)),
        Err(no_root) => Err(Error::Unavailable(vec![
            format!("installed server: {}", chain(&no_host)),
            format!("Debian root: {}", chain(&no_root)),
        ])),
    }
}
