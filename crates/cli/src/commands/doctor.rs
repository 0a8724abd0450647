//! `onetape doctor`: examines a store; for people, and for CI by its exit code.

use anyhow::anyhow;

use crate::args::DoctorArgs;
use crate::context::Context;
use crate::hint::hinted;
use crate::output::say;

pub(crate) async fn run(args: DoctorArgs, context: Context) -> anyhow::Result<()> {
    let store = context.with_store(&args.store)?.address_of_existing()?;
    let report = onetape::doctor(&store).await?;
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&report)?)?;
    } else {
        say!("{report}")?;
    }
    let (errors, warnings) = (report.errors(), report.warnings());
    if errors > 0 || (args.strict && warnings > 0) {
        let found = anyhow!("the doctor found {errors} errors and {warnings} warnings, as reported above");
        return Err(hinted(found, "each finding above ends with what to do"));
    }
    Ok(())
}
