//! The promises of this crate, on a real server: isolation, cloning, keeping and skipping.

#![expect(clippy::unwrap_used, reason = "tests, their helpers included")]

mod environment;
mod lifecycle;
mod panics;
mod template;

use onetape_testdb::{Template, TestDb, database};

#[tokio::test]
async fn the_database_is_a_timescaledb() {
    let Some(db) = database(&Template::bare()).await else {
        return;
    };
    let mut connection = db.connect().await.unwrap();
    let version: String =
        sqlx::query_scalar("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(version.starts_with("2."), "{version}");

    sqlx::raw_sql(
        "CREATE TABLE t (at timestamptz NOT NULL, v int); SELECT create_hypertable('t', by_range('at'))",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::raw_sql(
        "INSERT INTO t SELECT d, 1 FROM generate_series('2024-01-01', '2024-03-01', '1 day'::interval) d",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let chunks: i64 =
        sqlx::query_scalar("SELECT count(*) FROM show_chunks('t')").fetch_one(&mut connection).await.unwrap();
    assert!(chunks > 5, "{chunks} chunks");
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let Some(server) = onetape_testdb::server().await else {
        return;
    };
    let major: u32 = server.postgres_version().split('.').next().unwrap().parse().unwrap();
    assert!(major >= 17 && server.timescale_version().starts_with("2."), "{server}");
    let shown = server.to_string();
    assert!(shown.contains("Apache") || shown.contains("Community"), "{shown}");
}

#[tokio::test]
async fn two_databases_are_isolated() {
    let template = Template::bare();
    let Some(one) = database(&template).await else {
        return;
    };
    let Some(two) = database(&template).await else {
        return;
    };
    assert_ne!(one.url(), two.url());

    sqlx::raw_sql("CREATE TABLE only_here ()").execute(&mut one.connect().await.unwrap()).await.unwrap();
    assert!(has_table(&one, "only_here").await);
    assert!(!has_table(&two, "only_here").await);
}

#[tokio::test]
async fn a_database_is_dropped_with_its_connections_open() {
    let Some(db) = database(&Template::bare()).await else {
        return;
    };
    let (admin_url, name) = (db.admin_url().to_owned(), db.name().to_owned());
    let open = db.connect().await.unwrap();
    drop(db);
    assert!(!exists(&admin_url, &name).await);
    drop(open);
}

/// Many at once, as a test runner asks for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tests_share_one_template() {
    let Some(first) = database(&Template::bare()).await else {
        return;
    };
    let admin_url = first.admin_url().to_owned();
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let admin_url = admin_url.clone();
            tokio::spawn(async move { TestDb::create(&admin_url, &template::numbered("many", "1")).await })
        })
        .collect();
    for task in asked {
        let db = task.await.unwrap().unwrap();
        assert!(has_table(&db, "numbered").await);
    }
}

pub(crate) async fn has_table(db: &TestDb, table: &str) -> bool {
    sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(table)
        .fetch_one(&mut db.connect().await.unwrap())
        .await
        .unwrap()
}

pub(crate) async fn exists(admin_url: &str, database: &str) -> bool {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(admin_url).await.unwrap();
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(database)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}
