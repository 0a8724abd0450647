//! Through PgBouncer in transaction mode, where every transaction may get another session of the server.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use futures::future::try_join_all;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::{ClockStore, MarketStore, Selection, StoreErrorKind, TapeStore, TimeQuery, TradeStore};
use onetape_testkit::{Capability, ManualClock, conformance};
use onetape_timescale::{AuditScope, Settings, TimescaleStore};
use url::Url;

use crate::support::{self, START, batch, instrument, trades};

/// A PgBouncer in front of a server, for all of its databases; it ends with this value.
struct PgBouncer {
    process: Child,
    port: u16,
    user: String,
    folder: PathBuf,
}

impl PgBouncer {
    /// None, visibly, where it is not installed.
    fn start(server: &str, more: &str) -> Option<Self> {
        let places = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
        let mut places = places.unwrap_or_default();
        places.push("/usr/sbin".into());
        let Some(program) = places.iter().map(|place| place.join("pgbouncer")).find(|file| file.is_file())
        else {
            eprintln!("SKIPPED: PgBouncer is not installed (Debian: apt-get install pgbouncer)");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = env::temp_dir().join(format!("onetape-pgbouncer-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let server = Url::parse(server).unwrap();
        let (user, password) = (server.username().to_owned(), server.password().unwrap_or_default());
        let users = folder.join("users.txt");
        fs::write(&users, format!("\"{user}\" \"{password}\"\n")).unwrap();
        let configuration = format!(
            "[databases]\n* = host={} port={}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n{more}\n",
            server.host_str().unwrap(),
            server.port().unwrap_or(5432),
            users.display(),
        );
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, configuration).unwrap();
        // It refuses to run as root, and takes another user only from root.
        let is_root = fs::read_dir("/root").is_ok();
        let process = Command::new(program)
            .args(if is_root { &["-u", "nobody"][..] } else { &[] })
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut pgbouncer = Self { process, port, folder, user };
        pgbouncer.wait_until_up();
        Some(pgbouncer)
    }

    fn wait_until_up(&mut self) {
        let mut log = BufReader::new(self.process.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("process up") {
            assert!(log.read_line(&mut said).unwrap() > 0, "PgBouncer ended:\n{said}");
        }
        // What else it says must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{}@127.0.0.1:{}/{database}?sslmode=disable", self.user, self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Large batches are tried without it: they say nothing about sessions, and take long.
#[tokio::test]
async fn every_case_holds_through_pgbouncer() {
    let Some((_, database)) = support::store().await else { return };
    let Some(pgbouncer) = PgBouncer::start(database.admin_url(), "") else { return };
    let databases = Arc::new(Mutex::new(None));
    let report = conformance::run_all(&[Capability::LargeBatches], || {
        let databases = databases.clone();
        let pgbouncer = &pgbouncer;
        async move {
            let (_, made) = support::store().await.expect("a server was there a moment ago");
            let store = TimescaleStore::connect(&pgbouncer.url(made.name())).await.unwrap();
            drop(databases.lock().expect("nobody panics with the lock").replace(made));
            Arc::new(store) as Arc<dyn MarketStore>
        }
    })
    .await;
    println!("{report}");
}

#[tokio::test]
async fn many_clients_share_few_sessions_and_none_sees_what_another_prepared() {
    let Some((_, database)) = support::store().await else { return };
    for more in ["", "ignore_startup_parameters = options"] {
        let Some(pgbouncer) = PgBouncer::start(database.admin_url(), more) else { return };
        let url = pgbouncer.url(database.name());
        let stores = try_join_all((0..6).map(|_| TimescaleStore::connect(&url))).await.unwrap();
        stores[0].verify().await.unwrap();
        let first = batch(100, trades(2_500));
        // One of them comes first; the same batch again changes nothing.
        try_join_all(stores.iter().map(|store| store.append(&first, None))).await.unwrap();
        let reads = stores.iter().cycle().take(60).map(|store| async move {
            let selection = Selection::Range(TimeRange::ALL);
            let query = TimeQuery { instrument: instrument(), selection, as_of: Timestamp::LATEST };
            let rows: Vec<_> = store.stream_trades(query).try_collect().await?;
            Ok::<_, onetape_ports::StoreError>((rows.len(), store.flushed(&instrument()).await?))
        });
        for read in try_join_all(reads).await.unwrap() {
            assert_eq!(read, (2_500, Some(START.plus(100_000_000))));
        }
    }
}

#[tokio::test]
async fn settings_hold_for_each_transaction_and_stay_nowhere_else() {
    let Some((_, database)) = support::store().await else { return };
    let Some(pgbouncer) = PgBouncer::start(database.admin_url(), "default_pool_size = 1") else { return };
    let url = pgbouncer.url(database.name());
    let mut pools = onetape_timescale::Pools::default();
    pools.writer.lock_timeout = std::time::Duration::from_millis(100);
    let store = TimescaleStore::connect_with(&url, &pools).await.unwrap();
    let mut other = support::connect(&database).await;
    sqlx::raw_sql("BEGIN; LOCK TABLE instrument_clock").execute(&mut other).await.unwrap();
    let error = store.append(&batch(1, trades(1)), None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout, "{error:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.append(&batch(1, trades(1)), None).await.unwrap();
    store.flushed(&instrument()).await.unwrap();
    // The one session of the server, as the next client finds it.
    let mut next = <sqlx::PgConnection as sqlx::Connection>::connect_with(
        &url.parse::<sqlx::postgres::PgConnectOptions>().unwrap().extra_float_digits(None),
    )
    .await
    .unwrap();
    for statement in [
        "SHOW lock_timeout",
        "SHOW cursor_tuple_fraction",
        "SELECT count(*)::text FROM pg_prepared_statements",
    ] {
        let row = sqlx::Executor::fetch_one(&mut next, statement).await.unwrap();
        let found: String = sqlx::Row::get(&row, 0);
        assert!(["0", "0.1"].contains(&&*found), "{statement}: {found}");
    }
}

#[tokio::test]
async fn what_needs_a_session_is_refused_with_what_to_do() {
    let Some((_, database)) = support::store().await else { return };
    let Some(pgbouncer) = PgBouncer::start(database.admin_url(), "") else { return };
    let store = TimescaleStore::connect(&pgbouncer.url(database.name())).await.unwrap();
    let clock = ManualClock::new(START);
    for error in [
        store.migrate().await.unwrap_err(),
        store.maintain(&clock, AuditScope::Everything).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("the server's own host and port"), "{error}");
    }
    assert_eq!(store.settings().await.unwrap(), Settings::default());
    assert!(store.status().await.unwrap().pending.is_empty());
}
