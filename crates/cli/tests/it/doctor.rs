//! `onetape db setup --roles` and `onetape doctor`, as an operator and as CI run them.

use sqlx::{Connection as _, PgConnection};

use crate::support::{database, onetape};

#[tokio::test]
async fn the_doctor_says_what_to_do_and_its_exit_code_tells_errors_from_warnings() {
    let Some(database) = database().await else { return };
    let store = ["doctor", "--store", database.url()];
    let report = onetape(&store).ok();
    assert!(report.contains("is a superuser") && report.contains("do: "), "{report}");
    assert!(report.lines().last().is_some_and(|line| line.starts_with("0 errors, ")), "{report}");
    let strict = onetape(&[&store[..], &["--strict"]].concat());
    assert_eq!(strict.code, 1, "{}", strict.out);
    assert!(strict.err.contains("0 errors and"), "{}", strict.err);
    let mut connection = PgConnection::connect(database.url()).await.expect("the server answers");
    let broken = "UPDATE table_settings SET retain_for = '1 day' WHERE table_name = 'trade_events'";
    sqlx::query(broken).execute(&mut connection).await.expect("the table is there");
    let json = onetape(&[&store[..], &["--json"]].concat());
    assert_eq!(json.code, 1, "{}", json.err);
    let report: serde_json::Value = serde_json::from_str(&json.out).expect("one JSON value");
    let errors: Vec<_> = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| (finding["check"].as_str(), finding["remedy"].as_str()))
        .collect();
    let remedy = "apply safe ones with `onetape db setup --settings FILE`";
    assert_eq!(errors, [(Some("settings"), Some(remedy))]);
    let memory = onetape(&["doctor", "--store", "memory:"]);
    assert_eq!(memory.code, 1);
    let away = onetape(&["doctor", "--store", "postgres://nobody@db.invalid/x?sslmode=require"]);
    assert!(away.code == 1 && away.err.contains("allow_insecure_tls=db.invalid"), "{}", away.err);
}

#[tokio::test]
async fn roles_are_made_on_request_and_twice_is_once() {
    let Some(database) = database().await else { return };
    let prefix = format!("cli {}", std::process::id());
    for _ in 0..2 {
        onetape(&["db", "setup", "--store", database.url(), "--roles", &prefix]).ok();
    }
    let report = onetape(&["doctor", "--store", database.url()]).ok();
    assert!(
        report.contains(&format!("{prefix}_writer and {prefix}_reader may do what they must")),
        "{report}"
    );
    let wrong = onetape(&["db", "setup", "--store", database.url(), "--roles", "pg_mine"]);
    assert!(wrong.code == 1 && wrong.err.contains("not begin with pg_"), "{}", wrong.err);
    let admin = database.admin_url().to_owned();
    drop(database);
    let mut admin = PgConnection::connect(&admin).await.expect("the server answers");
    for role in ["owner", "writer", "reader"] {
        let statement = format!("DROP ROLE \"{prefix}_{role}\"");
        sqlx::query(&statement).execute(&mut admin).await.expect("nothing depends on it any more");
    }
}
