//! Starting and stopping: one server however many ask at once, the same port again, nothing left after a purge.

use std::process::{Command, Stdio};

use onetape_testdb::{Engines, Error, Policy, Running, Settings, chain, down, running, up};
use tempfile::TempDir;

/// A workspace of this test's own, which vanishes with the first value.
fn workspace(engines: Engines) -> Option<(TempDir, Settings)> {
    let settings = Settings::from_env();
    if settings.policy == Policy::Off || settings.database_url.is_some() {
        eprintln!("SKIPPED: the environment names a server, or forbids one, so none is started");
        return None;
    }
    let folder = TempDir::new().unwrap();
    let state_dir = folder.path().join("checkout/.onetape");
    Some((folder, Settings { state_dir, engines, ..settings }))
}

/// The server, or a visible skip where this kind cannot be had: another kind may be serving the other tests.
async fn start(settings: &Settings) -> Option<Running> {
    match up(settings).await {
        Ok(running) => Some(running),
        Err(why @ Error::Unavailable(_)) => {
            eprintln!("SKIPPED: {}", chain(&why));
            None
        }
        Err(why) => panic!("{}", chain(&why)),
    }
}

#[tokio::test]
async fn a_local_server_is_started_once_and_stopped() {
    let Some((_folder, settings)) = workspace(Engines::Local) else {
        return;
    };
    let Some(first) = start(&settings).await else {
        return;
    };
    assert_eq!(down(&settings, false).await.unwrap(), Some(first.clone()));
    assert_eq!(running(&settings).await, None);

    let asking: Vec<_> = (0..3)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_onetape-testdb"))
                .env("ONETAPE_DB_STATE", &settings.state_dir)
                .env("ONETAPE_DB_ENGINE", "local")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for process in asking {
        let output = process.wait_with_output().unwrap();
        // The same URL as before the stop: it may have been exported.
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), first.url);
    }
    assert_eq!(running(&settings).await, Some(first.clone()));

    assert_eq!(down(&settings, true).await.unwrap(), Some(first));
    assert_eq!(down(&settings, true).await.unwrap(), None);
}

/// A crash leaves the note and PostgreSQL's own files behind.
#[tokio::test]
async fn a_server_that_died_is_started_anew() {
    let Some((_folder, settings)) = workspace(Engines::Local) else {
        return;
    };
    let Some(first) = start(&settings).await else {
        return;
    };
    let pid: i32 = {
        use sqlx::Connection;
        let mut admin = sqlx::PgConnection::connect(&first.url).await.unwrap();
        let file: String =
            sqlx::query_scalar("SELECT pg_read_file('postmaster.pid')").fetch_one(&mut admin).await.unwrap();
        file.lines().next().unwrap().parse().unwrap()
    };
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    if !killed.success() {
        eprintln!("SKIPPED: the server runs as another user, who cannot be killed from here");
        down(&settings, true).await.unwrap();
        return;
    }
    let again = up(&settings).await.unwrap();
    assert_eq!(running(&settings).await, Some(again));
    down(&settings, true).await.unwrap();
}

#[cfg(feature = "containers")]
#[tokio::test]
async fn a_container_is_started_and_removed() {
    let Some((_folder, settings)) = workspace(Engines::Container) else {
        return;
    };
    let Some(started) = start(&settings).await else {
        return;
    };
    let server = onetape_testdb::Server::at(&started.url).await.unwrap();
    assert!(server.timescale_version().starts_with("2."), "{server}");
    assert_eq!(up(&settings).await.unwrap(), started);
    down(&settings, true).await.unwrap();
    assert_eq!(running(&settings).await, None);
}
