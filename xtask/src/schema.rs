//! `docs/schema.sql`: the tables as all migrations together make them, from the catalog of a fresh database.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use onetape_testdb::{Template, TestDb};
use sqlx::Connection as _;

use crate::workspace;

const HEADER: &str = "\
-- The tables, indexes and views of a TimescaleDB store, as all migrations together make them.
--
-- Written by `cargo xtask schema` from the catalog of a freshly migrated database; `migrations/` is what is run, and says
-- why. Left out is what differs between the editions: the continuous aggregates ohlcv_*_continuous (views on the Apache
-- edition), columnstore settings and policies. Chunk lengths are those of the default settings.
";

/// What to do with the file.
#[derive(Debug, Args)]
pub struct Options {
    /// Write nothing; fail where the file is not current
    #[arg(long)]
    check: bool,
}

/// Writes the file, or checks it.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let text = runtime.context("no runtime")?.block_on(async {
        let database = onetape_testdb::database(&Template::bare()).await;
        text(
            &database
                .context("the schema is read from a database, and there is none: see docs/TESTING.md")?,
        )
        .await
    })?;
    if options.check {
        return check(&text);
    }
    fs::write(path(), text).with_context(|| format!("cannot write {}", path().display()))
}

/// Migrates an empty database and describes it.
async fn text(database: &TestDb) -> Result<String> {
    onetape::migrate(database.url()).await.context("the schema cannot be migrated")?;
    let mut connection = sqlx::PgConnection::connect(database.url()).await.context("no connection")?;
    let statements: Vec<String> =
        sqlx::query_scalar(include_str!("schema/statements.sql")).fetch_all(&mut connection).await?;
    connection.close().await?;
    let mut text = HEADER.to_owned();
    for statement in statements {
        text.push('\n');
        text.push_str(statement.trim_end());
        text.push('\n');
    }
    Ok(text)
}

fn check(text: &str) -> Result<()> {
    let written = fs::read_to_string(path()).unwrap_or_default();
    if let Some((line, (found, expected))) =
        written.lines().zip(text.lines()).enumerate().find(|(_, (found, expected))| found != expected)
    {
        bail!(
            "docs/schema.sql is not what the migrations make: run `cargo xtask schema`\n  \
             line {}: `{found}`\n  should be `{expected}`",
            line + 1
        );
    }
    if written != text {
        bail!("docs/schema.sql ends elsewhere than the schema: run `cargo xtask schema`");
    }
    Ok(())
}

fn path() -> PathBuf {
    workspace::root().join("docs/schema.sql")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_written_schema_is_what_the_migrations_make() {
        let Some(database) = onetape_testdb::database(&Template::bare()).await else { return };
        check(&text(&database).await.unwrap()).unwrap();
    }
}
