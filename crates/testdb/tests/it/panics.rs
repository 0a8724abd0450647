//! A failed test's database is kept; a passed one's is not.

use onetape_testdb::{Template, database};
use sqlx::{Connection, PgConnection};

use crate::exists;

#[tokio::test]
async fn a_database_is_kept_when_its_test_panics() {
    let Some(db) = database(&Template::bare()).await else {
        return;
    };
    let (admin_url, name) = (db.admin_url().to_owned(), db.name().to_owned());
    let outcome = tokio::spawn(async move {
        let _db = db;
        panic!("as a failing test does");
    })
    .await;
    assert!(outcome.unwrap_err().is_panic());
    assert!(exists(&admin_url, &name).await, "{name} is gone");

    let mut admin = PgConnection::connect(&admin_url).await.unwrap();
    sqlx::raw_sql(&format!(r#"DROP DATABASE "{name}""#)).execute(&mut admin).await.unwrap();
}

#[tokio::test]
async fn a_database_is_kept_on_request_and_named_after_its_test() {
    let Some(mut db) = database(&Template::bare()).await else {
        return;
    };
    db.keep();
    let (admin_url, name) = (db.admin_url().to_owned(), db.name().to_owned());
    drop(db);
    assert!(exists(&admin_url, &name).await, "{name} is gone");
    assert!(name.contains("named_after_its_test"), "{name}");

    let mut admin = PgConnection::connect(&admin_url).await.unwrap();
    sqlx::raw_sql(&format!(r#"DROP DATABASE "{name}""#)).execute(&mut admin).await.unwrap();
}
