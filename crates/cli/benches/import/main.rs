//! A Parquet file of any number of rows through the real `onetape import`: how fast and in how much memory it is taken in, compared
//! and taken out again, beside what the database itself needs for the same rows.
//!
//! `ONETAPE_BENCH_DATABASE_URL=postgres://… cargo xtask bench import [-- OPTIONS]`. It ends with an error where a budget is missed.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod embedded;
mod file;
mod process;
mod server;
mod table;

use std::error::Error;
use std::path::PathBuf;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// What is measured, and where.
#[derive(Debug)]
pub(crate) struct Options {
    /// Rows of the file.
    rows: u64,
    /// Rows of a row group: pandas writes 1,048,576, and older ones up to 67,108,864.
    group_rows: usize,
    /// Where to: `server`, `file` or both.
    only: Option<String>,
    /// Where large files go.
    folder: PathBuf,
}

impl Options {
    fn of(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let folder = std::env::temp_dir();
        let mut options = Self { rows: 20_000_000, group_rows: 67_108_864, only: None, folder };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} wants a value"));
            match name.as_str() {
                "--rows" => options.rows = value()?.parse()?,
                "--group-rows" => options.group_rows = value()?.parse()?,
                "--only" => options.only = Some(value()?),
                "--folder" => options.folder = value()?.into(),
                "--bench" => {}
                other => {
                    return Err(format!(
                        "unknown: {other}. There are --rows, --group-rows, --only server|file, --folder"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }

    fn wants(&self, what: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == what)
    }
}

fn main() -> Outcome<()> {
    // `cargo test --benches` runs this too; there is nothing to check then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let options = Options::of(std::env::args().skip(1))?;
    let folder = tempfile::tempdir_in(&options.folder)?;
    let cache = folder.path().join("cache");
    std::fs::create_dir(&cache)?;
    let bytes = file::write(&cache.join("ETHUSDT_1s.parquet"), options.rows, options.group_rows)?;
    println!(
        "{} rows in a Parquet file of {} MB, {} rows a group",
        options.rows,
        bytes / 1_000_000,
        options.group_rows.min(usize::try_from(options.rows)?)
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut table = table::Table::new(options.rows);
    if options.wants("server") {
        match std::env::var("ONETAPE_BENCH_DATABASE_URL") {
            Ok(url) => runtime.block_on(server::run(&url, folder.path(), &cache, &mut table))?,
            Err(_) => println!("no server: ONETAPE_BENCH_DATABASE_URL is not set"),
        }
    }
    if options.wants("file") {
        runtime.block_on(embedded::run(folder.path(), &cache, &mut table))?;
    }
    table.finish()
}
