//! `onetape::copy`: instruments from store to store, whatever kind each is.

use std::sync::Arc;

pub use onetape_copy::{
    CopiedInstrument, CopyError, CopyOptions, CopyReport, Difference, Outcome, Progress, Step, Verification,
};
use onetape_ports::MarketStore;

use crate::error::OpenError;
use crate::open::Onetape;
use crate::url::StoreUrl;

/// Both stores of a copy could not be opened, or it was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyFailure {
    /// A store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Both URLs are the same.
    #[error("{store} would be copied to itself: give two stores")]
    SameStore {
        /// Which one.
        store: String,
    },
    /// There is no file to copy from.
    #[error("there is no file {path} to copy from")]
    NoSource {
        /// Its path.
        path: String,
    },
    /// The copy ended before its time; the next one goes on from there.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// Copies instruments, everything that is stored of them, from one store into another, and proves each to be equal there:
/// from then on both give the same answers for every instant up to the source's clock.
///
/// Until an instrument is whole the target shows nothing of it. Doing it again changes nothing; after an interruption (the
/// future may be dropped at any time) it goes on where it was.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("onetape-copy-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let from = format!("sqlite:{}", folder.join("from.db").display());
/// # let to = format!("sqlite:{}", folder.join("to.db").display());
/// # if cfg!(feature = "sqlite") {
/// # onetape::Onetape::open(&from).await?;
/// let options = onetape::CopyOptions::default();
/// let report = onetape::copy(&from, &to, &options, &mut |progress| {
///     println!("{} {:.0} %", progress.instrument, progress.fraction * 100.0);
/// })
/// .await?;
/// println!("{report}");
/// # }
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run()).unwrap();
/// ```
///
/// # Errors
/// When a store cannot be opened or fails, and where the target holds something else.
pub async fn copy(
    from: &str,
    to: &str,
    options: &CopyOptions,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Result<CopyReport, CopyFailure> {
    let (source, target) = open(from, to).await?;
    Ok(onetape_copy::copy(&*source, &*target, options, progress).await?)
}

/// Compares two stores, row by row, and writes nothing.
///
/// # Errors
/// When a store cannot be opened or fails; that they differ is in the answer.
pub async fn verify_copy(
    from: &str,
    to: &str,
    options: &CopyOptions,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Verification, CopyFailure> {
    exists(&to.parse()?)?;
    let (source, target) = open(from, to).await?;
    Ok(onetape_copy::verify(&*source, &*target, options, progress).await?)
}

/// A source is never made.
async fn open(from: &str, to: &str) -> Result<(Arc<dyn MarketStore>, Arc<dyn MarketStore>), CopyFailure> {
    let (source, target): (StoreUrl, StoreUrl) = (from.parse()?, to.parse()?);
    if source == target && source != StoreUrl::Memory {
        return Err(CopyFailure::SameStore { store: source.to_string() });
    }
    exists(&source)?;
    let (source, target) = (Onetape::open(from).await?, Onetape::open(to).await?);
    Ok((source.store().clone(), target.store().clone()))
}

fn exists(store: &StoreUrl) -> Result<(), CopyFailure> {
    match store {
        StoreUrl::Sqlite(path) if !path.exists() => {
            Err(CopyFailure::NoSource { path: path.display().to_string() })
        }
        _ => Ok(()),
    }
}
