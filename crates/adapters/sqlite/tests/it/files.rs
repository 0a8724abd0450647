//! What may be opened, and what is refused with a reason.

use std::path::Path;

use onetape_domain::time::Timestamp;
use onetape_ports::{ClockStore, QuarantineStore, StoreError, StoreErrorKind};
use onetape_sqlite::SqliteStore;
use onetape_testkit::dump;
use sqlx::Executor;

use crate::support::{Folder, connect, instrument, market};

/// Kind and message of a refusal.
async fn refused(path: &Path) -> (StoreErrorKind, String) {
    let error = SqliteStore::open(path).await.expect_err("it must be refused");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn what_cannot_be_a_store_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let text = folder.file();
    std::fs::write(&text, "a text that is long enough to be a header of something").expect("written");
    let (kind, message) = refused(&text).await;
    assert_eq!(kind, StoreErrorKind::Corrupt);
    assert!(message.contains("is no SQLite database"), "{message}");
    assert!(std::fs::read_to_string(&text).expect("read").starts_with("a text"));

    let (kind, message) = refused(text.parent().expect("a folder")).await;
    assert!(kind == StoreErrorKind::Invalid && message.contains("is a folder"), "{message}");
    let (kind, message) = refused(Path::new("no/such/folder/market.db")).await;
    assert!(
        kind == StoreErrorKind::Invalid && message.contains("there is no folder no/such/folder"),
        "{message}"
    );
    let (kind, message) = refused(Path::new("")).await;
    assert!(kind == StoreErrorKind::Invalid && message.contains("empty"), "{message}");
    let (kind, message) = refused(Path::new("/dev/null")).await;
    assert!(kind == StoreErrorKind::Invalid && message.contains("no plain file"), "{message}");
}

#[tokio::test]
async fn a_file_of_another_program_is_refused() {
    let folder = Folder::new();
    let path = folder.file();
    SqliteStore::open(&path).await.expect("made").close().await;
    let mut connection = connect(&path).await;
    connection.execute("PRAGMA application_id = 7").await.expect("another program's");
    drop(connection);
    let (kind, message) = refused(&path).await;
    assert!(kind == StoreErrorKind::Schema && message.contains("another program"), "{message}");

    let other = folder.file();
    std::fs::copy(&path, &other).expect("copied");
    let mut connection = connect(&other).await;
    connection.execute("PRAGMA application_id = 0").await.expect("a program without a name");
    drop(connection);
    assert_eq!(refused(&other).await.0, StoreErrorKind::Schema);
}

#[tokio::test]
async fn a_read_only_file_is_refused_with_its_reason() {
    let folder = Folder::new();
    let path = folder.file();
    SqliteStore::open(&path).await.expect("made").close().await;
    let mut permissions = std::fs::metadata(&path).expect("there").permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).expect("set");
    let (kind, message) = refused(&path).await;
    assert!(kind == StoreErrorKind::Permission && message.contains("read-only"), "{message}");
}

#[tokio::test]
async fn the_file_of_a_later_version_is_refused() {
    let folder = Folder::new();
    let path = folder.file();
    SqliteStore::open(&path).await.expect("made").close().await;
    let mut connection = connect(&path).await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (999, 'of the future', TRUE, x'00', 0)";
    connection.execute(later).await.expect("written");
    drop(connection);
    let (kind, message) = refused(&path).await;
    assert_eq!(kind, StoreErrorKind::Schema);
    assert!(message.contains("later version") && message.contains("999, of the future"), "{message}");
}

#[tokio::test]
async fn a_file_whose_migrations_were_others_is_refused() {
    let folder = Folder::new();
    let path = folder.file();
    SqliteStore::open(&path).await.expect("made").close().await;
    let mut connection = connect(&path).await;
    let changed = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1";
    connection.execute(changed).await.expect("written");
    connection.execute("DELETE FROM _sqlx_migrations WHERE version = 7").await.expect("written");
    drop(connection);
    assert_eq!(refused(&path).await.0, StoreErrorKind::Schema);
}

#[tokio::test]
async fn a_damaged_file_is_told_from_a_whole_one() {
    let folder = Folder::new();
    let path = folder.file();
    let store = SqliteStore::open(&path).await.expect("made");
    market(60).write(&store).await.expect("written");
    store.close().await;
    let whole = std::fs::read(&path).expect("read");

    // The schema's page.
    let mut bytes = whole.clone();
    bytes[100..4_096].fill(0xff);
    std::fs::write(&path, &bytes).expect("written");
    let (kind, message) = refused(&path).await;
    assert!(kind == StoreErrorKind::Corrupt && message.contains("damaged"), "{message}");

    // Pages of rows: which table lies where in the file is SQLite's affair.
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    std::fs::write(&path, &bytes).expect("written");
    let found = match SqliteStore::open(&path).await {
        Ok(store) => dump(&store, &instrument()).await,
        Err(error) => Err(error),
    };
    assert_eq!(found.expect_err("damaged").kind(), StoreErrorKind::Corrupt);

    // Cut off.
    std::fs::write(&path, &whole[..whole.len() / 3]).expect("written");
    let found = match SqliteStore::open(&path).await {
        Ok(store) => dump(&store, &instrument()).await,
        Err(error) => Err(error),
    };
    assert_eq!(found.expect_err("cut off").kind(), StoreErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_made_once_however_many_open_it_at_once() {
    let folder = Folder::new();
    for _ in 0..5 {
        let path = folder.file();
        let open = |path: std::path::PathBuf| tokio::spawn(async move { SqliteStore::open(path).await });
        let opened: Vec<_> = (0..4).map(|_| open(path.clone())).collect();
        for store in opened {
            let store = store.await.expect("no panic").expect("opened");
            assert!(store.instruments().await.expect("read").is_empty());
        }
    }
}

#[tokio::test]
async fn what_was_written_is_there_when_the_file_is_opened_again() {
    let folder = Folder::new();
    let path = folder.file();
    let recording = market(60);
    let store = SqliteStore::open(&path).await.expect("made");
    recording.write(&store).await.expect("written");
    let before = dump(&store, &instrument()).await.expect("dump");
    // The other store has connections of its own, and sees the same.
    let other = SqliteStore::open(&path).await.expect("opened");
    assert_eq!(dump(&other, &instrument()).await.expect("dump"), before);
    store.close().await;
    other.close().await;
    let log = path.with_extension("db-wal");
    assert!(!log.exists(), "the last to close moves the log into the file");
    let again = SqliteStore::open_existing(&path).await.expect("opened");
    assert_eq!(dump(&again, &instrument()).await.expect("dump"), before);
}

#[tokio::test]
async fn a_copy_by_vacuum_into_is_the_same_store() {
    let folder = Folder::new();
    let store = folder.store().await;
    market(60).write(&store).await.expect("written");
    let copy = folder.file();
    let mut connection = connect(store.path()).await;
    sqlx::query("VACUUM INTO ?")
        .bind(copy.to_str().expect("text"))
        .execute(&mut connection)
        .await
        .expect("copied");
    let copied = SqliteStore::open_existing(&copy).await.expect("opened");
    let dumps = (dump(&store, &instrument()).await, dump(&copied, &instrument()).await);
    assert_eq!(dumps.0.expect("dump"), dumps.1.expect("dump"));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.close().await;
    let error: StoreError = store.flushed(&instrument()).await.expect_err("closed");
    assert_eq!(error.kind(), StoreErrorKind::Shutdown);
    let missing = SqliteStore::open_existing(folder.file()).await.expect_err("nothing is there");
    assert!(missing.to_string().contains("there is no file"), "{missing}");
}

/// A lock that is held for too long is told, and the call may be made again.
#[tokio::test]
async fn a_writer_that_waits_in_vain_says_so_and_may_try_again() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut other = connect(store.path()).await;
    other.execute("BEGIN IMMEDIATE").await.expect("locked");
    let record = onetape_domain::message::QuarantinedRecord::new("test", Default::default(), b"payload");
    let error = store.quarantine(std::slice::from_ref(&record)).await.expect_err("locked");
    assert!(error.kind() == StoreErrorKind::Timeout && error.is_retryable(), "{error}");
    // Readers wait for nobody.
    assert_eq!(store.flushed(&instrument()).await.expect("read"), None::<Timestamp>);
    other.execute("ROLLBACK").await.expect("free");
    assert_eq!(store.quarantine(&[record]).await.expect("written"), 1);
}
