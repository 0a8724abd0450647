//! A migrated database for each test.

use std::sync::LazyLock;

use onetape_testdb::{Template, TestDb};
use onetape_timescale::{MIGRATOR, TimescaleStore};

/// The schema, built once per version of the migrations.
static SCHEMA: LazyLock<Template> = LazyLock::new(|| {
    let fingerprint: String = MIGRATOR.iter().map(|migration| format!("{:?}", migration.checksum)).collect();
    Template::new("timescale", fingerprint, |url| async move { TimescaleStore::migrate_url(&url).await })
});

/// A store on a migrated database of its own, or none as a visible skip. The database goes with the second
/// value.
pub(crate) async fn store() -> Option<(TimescaleStore, TestDb)> {
    let database = onetape_testdb::database(&SCHEMA).await?;
    let store = TimescaleStore::connect(database.url()).await.expect("the test's own database can be reached");
    Some((store, database))
}
