//! Cases of [`QuarantineStore`](onetape_ports::QuarantineStore).

use std::sync::Arc;

use onetape_domain::message::QuarantinedRecord;
use onetape_domain::violation::Violations;
use onetape_ports::MarketStore;

use super::data::{at, eth};
use super::{Case, Verdict, case, ensure, same};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_record_already_in_quarantine_is_not_stored_again,
            "One with equal origin, payload and violations MUST NOT be stored again; returns how many were new."
        ),
        case!(quarantined_records_come_newest_first, "The last so many records, newest first."),
        case!(a_quarantined_record_keeps_every_field, "Records come back as written."),
    ]
}

fn record(origin: &str, payload: &str, reason: &str) -> QuarantinedRecord {
    QuarantinedRecord::new(origin, Violations::one("trade.price", "NaN", reason), payload.as_bytes())
}

async fn a_record_already_in_quarantine_is_not_stored_again(store: Arc<dyn MarketStore>) -> Verdict {
    let records = [
        record("tape:1", "one", "must be positive"),
        record("tape:2", "one", "must be positive"),
        record("tape:1", "two", "must be positive"),
        record("tape:1", "one", "must be exact"),
    ];
    ensure!(store.quarantine(&[]).await? == 0, "nothing is not new");
    ensure!(store.quarantine(&records).await? == 4, "four different records are new");
    ensure!(store.quarantine(&records).await? == 0, "the same four again are not new");
    let again = [records[2].clone(), record("tape:3", "three", "x"), record("tape:3", "three", "x")];
    let new = store.quarantine(&again).await?;
    ensure!(new == 1, "one of three is new, and that one once, got {new}");
    let later = QuarantinedRecord { received_at: Some(at(9)), instrument: Some(eth()), ..records[0].clone() };
    ensure!(
        store.quarantine(&[later]).await? == 0,
        "neither receipt nor instrument makes a record another one"
    );
    let stored = store.quarantined(100).await?;
    ensure!(stored.len() == 5, "five records are stored, got {}", stored.len());
    Ok(())
}

async fn quarantined_records_come_newest_first(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.quarantined(10).await?.is_empty(), "records where none is stored");
    // Receipt times fall, so that only the order of writing can tell.
    let records: Vec<_> = (0..25)
        .map(|number| QuarantinedRecord {
            received_at: (number % 2 == 0).then(|| at(100 - number)),
            ..record(&format!("tape:{number}"), "x", "y")
        })
        .collect();
    for part in records.chunks(7) {
        store.quarantine(part).await?;
    }
    let newest: Vec<_> = records.iter().rev().cloned().collect();
    for limit in [0, 1, 10, 25, 26, 1_000_000] {
        same(&format!("limit {limit}"), &store.quarantined(limit).await?, &newest[..limit.min(25)])?;
    }
    Ok(())
}

async fn a_quarantined_record_keeps_every_field(store: Arc<dyn MarketStore>) -> Verdict {
    let mut violations = Violations::one("trade.price", "NaN", "must be a plain decimal number");
    violations.push("trade.size", "-1", "must not be negative");
    let long = "ä🦀\"'\\\n{}".repeat(2_000);
    let mut odd = QuarantinedRecord::new("wss://example/1 'quoted' ünï", violations, long.as_bytes());
    odd.instrument = Some(eth());
    odd.received_at = Some(at(1));
    let broken =
        QuarantinedRecord::new("tape:2", Violations::one("payload", "", "is no text"), b"a\0b\xff\xfe");
    let empty = QuarantinedRecord::new("", Violations::one("", "", ""), b"");
    let records = [odd, broken, empty];
    store.quarantine(&records).await?;
    let newest: Vec<_> = records.iter().rev().cloned().collect();
    same("fields", &store.quarantined(10).await?, &newest)
}
