//! Templates are built once, cloned, rebuilt when their fingerprint changes, and never left half built.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use onetape_testdb::{Template, TestDb, chain, database, server};
use sqlx::{Connection, Executor, PgConnection};

use crate::{exists, has_table};

/// A template with one table, whose builder fails where it runs twice on one database.
pub(crate) fn numbered(family: &str, fingerprint: &str) -> Template {
    Template::new(family, fingerprint, |url| async move {
        let mut connection = PgConnection::connect(&url).await?;
        connection.execute("CREATE EXTENSION timescaledb; CREATE TABLE numbered AS SELECT 7 AS n").await?;
        connection.close().await
    })
}

#[tokio::test]
async fn tables_and_rows_are_cloned() {
    let Some(db) = database(&numbered("cloned", "1")).await else {
        return;
    };
    let n: i32 = sqlx::query_scalar("SELECT n FROM numbered")
        .fetch_one(&mut db.connect().await.unwrap())
        .await
        .unwrap();
    assert_eq!(n, 7);
}

#[tokio::test]
async fn a_template_is_built_once_and_anew_when_it_changes() {
    let Some(server) = server().await else { return };
    let built = Arc::new(AtomicUsize::new(0));
    // The process id makes it this run's own: an earlier run's template would be found built.
    let template = |version: &str| {
        let built = built.clone();
        Template::new("counted", format!("{version} {}", std::process::id()), move |_| {
            built.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, io::Error>(()) }
        })
    };
    for (version, times) in [("a", 1), ("a", 1), ("b", 2), ("a", 2)] {
        let _db = TestDb::create(server.url(), &template(version)).await.unwrap();
        assert_eq!(built.load(Ordering::SeqCst), times, "after {version}");
    }
    for version in ["a", "b"] {
        drop_template(server.url(), &template(version)).await;
    }
}

#[tokio::test]
async fn a_failed_builder_leaves_nothing_and_says_why() {
    let Some(server) = server().await else { return };
    let template = Template::new("failing", "1", |_| async { Err(io::Error::other("no such migration")) });
    let error = TestDb::create(server.url(), &template).await.unwrap_err();
    let said = chain(&error).to_string();
    assert!(said.contains(&template.database()) && said.ends_with("no such migration"), "{said}");
    assert!(!exists(server.url(), &template.database()).await);
}

#[tokio::test]
async fn a_half_built_template_is_built_anew() {
    let Some(server) = server().await else { return };
    let template = numbered("halved", "1");
    drop_template(server.url(), &template).await;
    // What a builder that was killed leaves behind.
    let mut admin = PgConnection::connect(server.url()).await.unwrap();
    sqlx::raw_sql(&format!(r#"CREATE DATABASE "{}""#, template.database()))
        .execute(&mut admin)
        .await
        .unwrap();

    let db = TestDb::create(server.url(), &template).await.unwrap();
    assert!(has_table(&db, "numbered").await);
}

/// A builder may leave a pool's connections behind; a template with connections cannot be cloned.
#[tokio::test]
async fn connections_left_by_the_builder_are_ended() {
    let Some(server) = server().await else { return };
    let left = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let keep = left.clone();
    let template = Template::new("leaking", std::process::id().to_string(), move |url| {
        let keep = keep.clone();
        async move {
            keep.lock().await.push(PgConnection::connect(&url).await?);
            Ok::<_, sqlx::Error>(())
        }
    });
    drop(TestDb::create(server.url(), &template).await.unwrap());
    assert_eq!(left.lock().await.len(), 1);
    drop_template(server.url(), &template).await;
}

async fn drop_template(admin_url: &str, template: &Template) {
    let name = template.database();
    if exists(admin_url, &name).await {
        let mut admin = PgConnection::connect(admin_url).await.unwrap();
        sqlx::raw_sql(&format!(r#"ALTER DATABASE "{name}" IS_TEMPLATE false"#))
            .execute(&mut admin)
            .await
            .unwrap();
        sqlx::raw_sql(&format!(r#"DROP DATABASE "{name}" WITH (FORCE)"#)).execute(&mut admin).await.unwrap();
    }
}
