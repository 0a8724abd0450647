//! Everything that stands in a database, table by table and column by column, whatever the ports show of it.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::TestStore;

/// What says nothing of the market, and columns that the wall clock decides.
const LEFT_OUT: [&str; 3] = ["_sqlx_migrations", "sqlite_sequence", "sqlite_stat1"];
const CLOCKS: [&str; 3] = ["begun_at", "changed_at", "finished_at"];

/// The rows of each table as sorted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole(BTreeMap<String, Vec<String>>);

impl Whole {
    /// Reads all of it.
    pub(crate) async fn of(store: &TestStore) -> Self {
        match store {
            TestStore::File { url, .. } => {
                let path = url.strip_prefix("sqlite://").expect("a file");
                let options = SqliteConnectOptions::new().filename(path);
                Self::of_file(&mut options.connect().await.expect("opened")).await
            }
            TestStore::Server(database) => {
                Self::of_server(&mut PgConnection::connect(database.url()).await.expect("connected")).await
            }
        }
    }

    async fn of_file(connection: &mut SqliteConnection) -> Self {
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut *connection)
            .await
            .expect("the tables");
        let mut tables = BTreeMap::new();
        for name in names.into_iter().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
            let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                .bind(&name)
                .fetch_all(&mut *connection)
                .await
                .expect("the columns");
            let columns = columns.iter().filter(|column| !CLOCKS.contains(&column.as_str()));
            let shown: Vec<String> =
                columns.map(|column| format!("'{column}=' || quote(\"{column}\")")).collect();
            let query = format!("SELECT {} FROM \"{name}\"", shown.join(" || ' ' || "));
            let rows = sqlx::query_scalar(&query).fetch_all(&mut *connection).await;
            tables.insert(name, rows.expect("the rows"));
        }
        Self::sorted(tables)
    }

    async fn of_server(connection: &mut PgConnection) -> Self {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
                .fetch_all(&mut *connection)
                .await
                .expect("the tables");
        let mut tables = BTreeMap::new();
        for name in names.into_iter().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
            // Numbers are compared by value: how many zeros follow depends on how many rows were read at once.
            let columns: Vec<String> = sqlx::query_scalar(
                "SELECT format(CASE data_type WHEN 'numeric' THEN '%L, trim_scale(%I)' ELSE '%L, %I' END, column_name, column_name)
                 FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = $1 AND column_name <> ALL ($2)",
            )
            .bind(&name)
            .bind(CLOCKS)
            .fetch_all(&mut *connection)
            .await
            .expect("the columns");
            let query = format!("SELECT json_build_object({})::text FROM \"{name}\"", columns.join(", "));
            let rows = sqlx::query_scalar(&query).fetch_all(&mut *connection).await;
            tables.insert(name, rows.expect("the rows"));
        }
        Self::sorted(tables)
    }

    fn sorted(mut tables: BTreeMap<String, Vec<String>>) -> Self {
        tables.values_mut().for_each(|rows| rows.sort_unstable());
        Self(tables)
    }

    /// Without some tables.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Fails, naming the first rows that only one of both has, where they are not the same.
    #[track_caller]
    pub(crate) fn assert_is(&self, expected: &Self, when: &str) {
        let tables = |whole: &Self| whole.0.keys().cloned().collect::<Vec<_>>();
        assert_eq!(tables(self), tables(expected), "{when}");
        for (name, rows) in &self.0 {
            let only = |rows: &[String], others: &[String]| {
                rows.iter().find(|row| others.binary_search(row).is_err()).cloned()
            };
            let others = &expected.0[name];
            assert!(
                rows == others,
                "{when}: table {name} has {} rows, expected are {}\n  only here:     {:?}\n  only expected: {:?}",
                rows.len(),
                others.len(),
                only(rows, others),
                only(others, rows),
            );
        }
    }
}
