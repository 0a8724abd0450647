//! `onetape db`: set-up, migration and status, the operator's door.

use crate::args::{DbArgs, DbCommand};

pub(crate) async fn run(args: DbArgs) -> anyhow::Result<()> {
    match args.command {
        DbCommand::Setup(args) => {
            onetape::setup(&args.store).await?;
            println!("the store is set up");
        }
        DbCommand::Migrate(args) => {
            onetape::migrate(&args.store).await?;
            println!("the store is migrated");
        }
        DbCommand::Status(args) => {
            let status = onetape::status(&args.store.store).await?;
            if args.json {
                println!("{}", onetape::domain::canonical::to_string(&status)?);
            } else {
                println!("{status}");
            }
        }
    }
    Ok(())
}
