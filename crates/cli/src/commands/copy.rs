//! `onetape copy`: instruments from store to store.

use anyhow::bail;
use onetape::CopyOptions;

use crate::args::CopyArgs;
use crate::context::Context;
use crate::output::say;
use crate::progress::CopyProgress;

pub(crate) async fn run(args: CopyArgs, context: Context) -> anyhow::Result<()> {
    let instruments =
        args.instruments.iter().map(|name| context.instrument(name)).collect::<Result<_, _>>()?;
    let options = CopyOptions { instruments, restart: args.restart };
    if args.verify_only { verify(&args, &options).await } else { copy(&args, &options).await }
}

async fn copy(args: &CopyArgs, options: &CopyOptions) -> anyhow::Result<()> {
    let mut progress = CopyProgress::start();
    let mut show = |moment: &onetape::CopyMoment| progress.update(moment);
    let copied = tokio::select! {
        copied = onetape::copy(&args.from, &args.to, options, &mut show) => Some(copied),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            None
        }
    };
    let seconds = progress.finish();
    let Some(copied) = copied else {
        bail!(
            "interrupted; what was loaded is kept and not shown yet, and the same command goes on from there"
        );
    };
    let report = copied?;
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&report)?)?;
    } else {
        say!("{report}")?;
        say!("the same in both stores, after {seconds:.1} s")?;
    }
    Ok(())
}

async fn verify(args: &CopyArgs, options: &CopyOptions) -> anyhow::Result<()> {
    let mut progress = CopyProgress::start();
    let mut show = |moment: &onetape::CopyMoment| progress.update(moment);
    let compared = onetape::verify_copy(&args.from, &args.to, options, &mut show).await;
    progress.finish();
    let report = compared?;
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&report)?)?;
    } else {
        say!("{report}")?;
    }
    match report.differences.len() {
        0 => Ok(()),
        count => bail!("the stores differ in {count} places, as listed above"),
    }
}
