//! `onetape db`: set-up, migration and status, the operator's door.

use anyhow::Context as _;

use crate::args::{DbArgs, DbCommand};

pub(crate) async fn run(args: DbArgs) -> anyhow::Result<()> {
    match args.command {
        DbCommand::Setup(args) => {
            match &args.settings {
                None => onetape::setup(&args.store.store).await?,
                Some(path) => {
                    let text = std::fs::read_to_string(path)
                        .with_context(|| format!("{} cannot be read", path.display()))?;
                    onetape::setup_with(&args.store.store, &text).await?;
                }
            }
            if let Some(prefix) = &args.roles {
                onetape::setup_roles(&args.store.store, prefix).await?;
            }
            println!("the store is set up");
        }
        DbCommand::Migrate(args) => {
            onetape::migrate(&args.store).await?;
            println!("the store is migrated");
        }
        DbCommand::Settings(args) => {
            let store = args.store.as_deref().map(str::parse).transpose()?;
            print!(
                "{}",
                match store {
                    Some(onetape::StoreUrl::Sqlite(_)) => onetape::sqlite::DEFAULT_SETTINGS,
                    _ => onetape::timescale::DEFAULT_SETTINGS,
                }
            );
        }
        DbCommand::Sources(args) => {
            let tape = onetape::Onetape::open(&args.store.store).await?;
            if args.clear || !args.sources.is_empty() {
                tape.store().set_source_order(&args.sources).await?;
            }
            let order = tape.store().source_order().await?;
            if order.is_empty() {
                println!("no order is set: sources are preferred by name");
            }
            order.iter().for_each(|source| println!("{source}"));
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
