//! `onetape doctor`: examines a store; for people, and for CI by its exit code.

use anyhow::bail;

use crate::args::DoctorArgs;

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let report = onetape::doctor(&args.store.store).await?;
    if args.json {
        println!("{}", onetape::domain::canonical::to_string(&report)?);
    } else {
        println!("{report}");
    }
    let (errors, warnings) = (report.errors(), report.warnings());
    if errors > 0 || (args.strict && warnings > 0) {
        bail!("the doctor found {errors} errors and {warnings} warnings, as reported above");
    }
    Ok(())
}
