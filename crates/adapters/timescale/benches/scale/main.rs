//! The database at scale: `cargo xtask bench database`, on the server that `ONETAPE_BENCH_DATABASE_URL` names.
//!
//! It loads two stores of one instrument into databases of their own, or takes them as an earlier run left them, and
//! measures each path beside its floor. `--only frames` leaves out the rest; see `OPTIONS`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bulk;
mod copy;
mod frames;
mod imports;
mod load;
mod market;
mod report;
mod sizes;
mod writes;

use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_timescale::{Edition, TimescaleStore};
use sqlx::{Connection, Executor as _, PgConnection};
use url::Url;

use frames::Target;
use load::Outcome;
use market::{DAY, Plan};
use report::row;

/// End of both stores, a midnight.
const END: Timestamp = Timestamp::from_micros(19_950 * DAY);
const OPTIONS: &str = "options: [--days N] [--detailed-days N] [--small-days N] [--frames N] [--fresh] \
                       [--import-rows N] [--only load,bulk,imports,frames,compress,sizes,writes] [--sizes-of URL]";

/// A row of settings that weigh on the figures.
const SETTINGS: [&str; 9] = [
    "shared_buffers",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "work_mem",
    "random_page_cost",
    "timescaledb.license",
    "timescaledb.max_background_workers",
];

#[derive(Debug)]
struct Options {
    /// Days of the large store: 370 with a candle in 94 seconds of a hundred are 30 million.
    days: i64,
    /// Last days with trades, books, imbalances and a coverage row a second: 6 are 12 million trades.
    detailed: i64,
    small_days: i64,
    frames: usize,
    /// Seconds that are imported.
    import_rows: u64,
    /// Loads anew.
    fresh: bool,
    only: Option<String>,
    /// Reports the sizes of this store alone, after compressing it.
    sizes_of: Option<String>,
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        days: 366,
        detailed: 6,
        small_days: 13,
        frames: 1_000,
        import_rows: 20_000_000,
        fresh: false,
        only: None,
        sizes_of: None,
    };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value; {OPTIONS}"));
        match name.as_str() {
            "--days" => options.days = value()?.parse()?,
            "--detailed-days" => options.detailed = value()?.parse()?,
            "--small-days" => options.small_days = value()?.parse()?,
            "--frames" => options.frames = value()?.parse()?,
            "--import-rows" => options.import_rows = value()?.parse()?,
            "--only" => options.only = Some(value()?),
            "--sizes-of" => options.sizes_of = Some(value()?),
            "--fresh" => options.fresh = true,
            _ => return Err(format!("unknown argument {name}; {OPTIONS}").into()),
        }
    }
    Ok(options)
}

impl Options {
    fn wants(&self, what: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|part| part == what))
    }
}

fn main() -> Outcome<()> {
    // `cargo test --benches` runs this too; there is nothing to check then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&options()?))
}

/// A store that is measured.
struct Loaded {
    url: String,
    plan: Plan,
    name: &'static str,
}

async fn run(options: &Options) -> Outcome<()> {
    if let Some(url) = &options.sizes_of {
        let (chunks, seconds) = sizes::compress(url).await?;
        println!("{chunks} chunks compressed in {seconds:.0} s");
        report::heading();
        return sizes::report(url, END).await;
    }
    let url = std::env::var("ONETAPE_BENCH_DATABASE_URL")
        .map_err(|_| "ONETAPE_BENCH_DATABASE_URL must name a server, by a superuser's URL")?;
    let tls_url = std::env::var("ONETAPE_BENCH_TLS_DATABASE_URL").ok();
    let edition = head(&url).await?;
    if options.wants("bulk") {
        report::heading();
        let ours = database_at(&url, "onetape_bench_bulk", true).await?;
        let floor = database_at(&url, "onetape_bench_bulk_psql", true).await?;
        bulk::run(&ours, &floor).await?;
        println!("\nload of the machine afterwards: {}", report::load_of_machine());
    }
    if options.wants("imports") {
        report::heading();
        let ours = database_at(&url, "onetape_bench_imports", true).await?;
        let floor = database_at(&url, "onetape_bench_imports_copy", true).await?;
        imports::run(&ours, &floor, options.import_rows).await?;
        println!("\nload of the machine afterwards: {}", report::load_of_machine());
    }
    if options
        .only
        .as_deref()
        .is_some_and(|only| only.split(',').all(|part| matches!(part, "bulk" | "imports")))
    {
        return Ok(());
    }
    let instrument: Instrument = "binance:ETH/USDT".parse()?;
    let plan = |days: i64, detailed: i64| Plan {
        start: END.plus(-days * DAY),
        seconds: days * 86_400,
        detailed: detailed * 86_400,
    };
    let stores = [("small", plan(options.small_days, 1)), ("large", plan(options.days, options.detailed))];
    let mut loaded = Vec::new();
    for (name, plan) in stores {
        // Another plan has another database: what was loaded is never mistaken for it.
        let database = format!("onetape_bench_{}_{}", plan.seconds / 86_400, plan.detailed / 86_400);
        let url = database_at(&url, &database, options.fresh).await?;
        fill(name, &url, &instrument, plan).await?;
        loaded.push(Loaded { url, plan, name });
    }
    let community = edition == Edition::Community;
    let is_compressed = sizes::is_compressed(&loaded[1].url).await?;
    if options.wants("frames") {
        let state = if is_compressed { "compressed" } else { "not compressed" };
        frames_of(&loaded, &instrument, options.frames, state).await?;
    }
    if community && options.wants("compress") {
        let mut all = (0, 0.0);
        for store in &loaded {
            let (chunks, seconds) = sizes::compress(&store.url).await?;
            all = (all.0 + chunks, all.1 + seconds);
            vacuum(&store.url).await?;
        }
        println!("\n{} chunks compressed in {:.0} s", all.0, all.1);
        if options.wants("frames") && all.0 > 0 {
            frames_of(&loaded, &instrument, options.frames, "compressed").await?;
        }
    }
    if options.wants("sizes") {
        report::heading();
        sizes::report(&loaded[1].url, END).await?;
    }
    if options.wants("writes") {
        report::heading();
        let name = "onetape_bench_writes";
        let target = database_at(&url, name, true).await?;
        TimescaleStore::migrate_url(&target).await?;
        let tls_target = tls_url.map(|url| with_database(&url, name)).transpose()?;
        writes::run(&target, tls_target.as_deref()).await?;
        println!("\nload of the machine afterwards: {}", report::load_of_machine());
    }
    Ok(())
}

/// Says what is measured, and on what.
async fn head(url: &str) -> Outcome<Edition> {
    let store = TimescaleStore::connect(url).await?;
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb").await?;
    let server = store.server().await?;
    let edition = server.usable()?;
    println!(
        "TimescaleDB {} ({edition}) on PostgreSQL {}",
        server.timescaledb.as_deref().unwrap_or_default(),
        server.postgres
    );
    let mut settings = Vec::new();
    for name in SETTINGS {
        let value: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        settings.push(format!("{name} {}", value.unwrap_or_default()));
    }
    println!("{}", settings.join(", "));
    println!("load of the machine: {}", report::load_of_machine());
    store.close().await;
    Ok(edition)
}

/// Loads what is missing, and brings a new store into the state that maintenance leaves one in.
async fn fill(name: &str, url: &str, instrument: &Instrument, plan: Plan) -> Outcome<()> {
    let (rows, seconds) = load::load(url, instrument, plan).await?;
    if rows == 0 {
        println!("{name}: loaded before");
        return Ok(());
    }
    vacuum(url).await?;
    println!("{name}: {rows} rows loaded in {seconds:.0} s, {:.0} rows/s", rows as f64 / seconds);
    Ok(())
}

async fn vacuum(url: &str) -> Outcome<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("VACUUM (ANALYZE)").await?;
    connection.execute("CHECKPOINT").await?;
    connection.close().await?;
    Ok(())
}

async fn frames_of(stores: &[Loaded], instrument: &Instrument, count: usize, state: &str) -> Outcome<()> {
    report::heading();
    for (kind, is_detailed) in [("candles only", false), ("with trades and books", true)] {
        let target = |store: &Loaded| {
            // From where on 500 seconds lie before.
            let start = store.plan.start.plus(7_200 * SECOND);
            let middle = store.plan.detailed_from();
            let (from, until) =
                if is_detailed { (middle.plus(7_200 * SECOND), store.plan.end()) } else { (start, middle) };
            Target { url: store.url.clone(), from, until }
        };
        let targets: Vec<Target> = stores.iter().map(target).collect();
        for readers in [1, 4, 16] {
            let mut measured = frames::measure(&targets, instrument, count, readers).await?;
            let mut medians = Vec::new();
            for (store, frames) in stores.iter().zip(&mut measured) {
                let (whole, floor) = (&mut frames.whole, &mut frames.floor);
                let (median, base) = (whole.millis(0.5), floor.millis(0.5));
                medians.push(median);
                row(
                    &format!("as-of frame, {} store, {state}, {kind}, {readers} readers", store.name),
                    &format!(
                        "p50 {median:.2} ms, p99 {:.2} ms, {:.0}/s",
                        whole.millis(0.99),
                        whole.rate() * readers as f64
                    ),
                    &format!("p50 {base:.2} ms, p99 {:.2} ms", floor.millis(0.99)),
                    Some(median / base),
                );
            }
            row("the same, large beside small", "", "budget 1.2", Some(medians[1] / medians[0]));
        }
    }
    println!("\nload of the machine: {}", report::load_of_machine());
    Ok(())
}

/// Makes a database where it is missing, or anew.
async fn database_at(url: &str, name: &str, fresh: bool) -> Outcome<String> {
    let mut admin = PgConnection::connect(url).await?;
    if fresh {
        admin.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)").as_str()).await?;
    }
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut admin)
        .await?;
    if !exists {
        admin.execute(format!("CREATE DATABASE {name}").as_str()).await?;
    }
    admin.close().await?;
    with_database(url, name)
}

fn with_database(url: &str, name: &str) -> Outcome<String> {
    let mut url = Url::parse(url)?;
    url.set_path(name);
    Ok(url.into())
}
