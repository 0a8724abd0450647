//! `onetape db`: set-up, migration and status, the operator's door.

use anyhow::Context as _;
use onetape::StoreUrl;

use crate::args::{DbArgs, DbCommand, SetupArgs, SourcesArgs};
use crate::context::Context;
use crate::output::say;

pub(crate) async fn run(args: DbArgs, context: Context) -> anyhow::Result<()> {
    match args.command {
        DbCommand::Setup(args) => setup(args, context).await?,
        DbCommand::Migrate(store) => {
            onetape::migrate(&context.with_store(&store)?.address_of_existing()?).await?;
            say!("the store is migrated")?;
        }
        DbCommand::Settings(args) => {
            let text = match context.with_store(&args.store)?.config.store()? {
                StoreUrl::Sqlite(_) => onetape::sqlite::DEFAULT_SETTINGS,
                _ => onetape::timescale::DEFAULT_SETTINGS,
            };
            say!("{}", text.trim_end())?;
        }
        DbCommand::Sources(args) => sources(args, context).await?,
        DbCommand::Status(args) => {
            let status = onetape::status(&context.with_store(&args.store)?.address_of_existing()?).await?;
            if args.json {
                say!("{}", onetape::domain::canonical::to_string(&status)?)?;
            } else {
                say!("{status}")?;
            }
        }
    }
    Ok(())
}

async fn setup(args: SetupArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let settings = args.settings.as_deref().map(|path| {
        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
    });
    let settings = settings.transpose()?;
    let store = context.address_to_write()?;
    match &settings {
        None => onetape::setup(&store).await?,
        Some(text) => onetape::setup_with(&store, text).await?,
    }
    if let Some(prefix) = &args.roles {
        onetape::setup_roles(&store, prefix).await?;
    }
    say!("the store is set up")?;
    Ok(())
}

async fn sources(args: SourcesArgs, context: Context) -> anyhow::Result<()> {
    let tape = context.with_store(&args.store)?.open_to_read().await?;
    if args.clear || !args.sources.is_empty() {
        tape.store().set_source_order(&args.sources).await?;
    }
    let order = tape.store().source_order().await?;
    if order.is_empty() {
        say!("no order is set: sources are preferred by name")?;
    }
    order.iter().try_for_each(|source| say!("{source}"))?;
    Ok(())
}
