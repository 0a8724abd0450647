//! `onetape doctor`: examines a store; for people, and for CI by its exit code.

use anyhow::bail;
use onetape::timescale::Severity;

use crate::args::DoctorArgs;

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let report = onetape::doctor(&args.store.store).await?;
    if args.json {
        println!("{}", onetape::domain::canonical::to_string(&report)?);
    } else {
        println!("{report}");
    }
    let failing = if args.strict { Severity::Warning } else { Severity::Error };
    if report.worst() >= failing {
        bail!(
            "the doctor found {} errors and {} warnings, as reported above",
            report.count(Severity::Error),
            report.count(Severity::Warning)
        );
    }
    Ok(())
}
