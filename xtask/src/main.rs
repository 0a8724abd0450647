//! `cargo xtask`: what a developer of the workspace does beside building it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, db, import, layers, lean, report, schema, soak, test, tidy};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of the onetape workspace", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// The development database: a TimescaleDB of this workspace's own
    #[command(subcommand)]
    Db(db::Task),
    /// Run all tests: with nextest where it is installed, then the examples in the documentation
    Test(test::Options),
    /// Measure the budgets of the design, each beside its floor, in release
    Bench(bench::Options),
    /// `onetape import`, built from here, on the workspace's own database unless told otherwise
    Import(import::Options),
    /// `onetape cutover` in the same way
    Cutover(import::Options),
    /// Collect a simulated venue while everything fails, and compare what was stored with what happened
    Soak(soak::Options),
    /// Something that happens to the database server of a soak, which calls this
    #[command(hide = true)]
    SoakServer(soak::ServerFault),
    /// Write docs/schema.sql from a freshly migrated database
    Schema(schema::Options),
    /// Check that dependencies between crates point inwards only
    Layers,
    /// Check the house rules on source files
    Tidy,
    /// Check that a build of the store in memory alone pulls in no database and no C
    Lean,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Db(task) => db::run(task),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Import(options) => import::run("import", &options),
        Task::Cutover(options) => import::run("cutover", &options),
        Task::Soak(options) => soak::run(&options),
        Task::SoakServer(fault) => soak::disturb(&fault),
        Task::Schema(options) => schema::run(&options),
        Task::Layers => {
            layers::check_workspace().and_then(|found| report::violations("forbidden dependencies", &found))
        }
        Task::Lean => lean::check_smallest_build()
            .and_then(|found| report::violations("crates that the smallest build should not have", &found)),
        Task::Tidy => {
            tidy::check_workspace().and_then(|found| report::violations("breaks of house rules", &found))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
