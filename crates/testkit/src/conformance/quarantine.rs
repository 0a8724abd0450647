//! Cases of [`QuarantineStore`](onetape_ports::QuarantineStore).

use std::sync::Arc;

use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::TimeRange;
use onetape_domain::violation::Violations;
use onetape_ports::{MarketStore, QuarantineEntry, QuarantineQuery, StoreError};

use super::data::{at, eth, instrument};
use super::{Case, Verdict, case, ensure, same};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_record_already_in_quarantine_is_not_stored_again,
            "One with equal origin, payload and violations MUST NOT be stored again; returns how many were new."
        ),
        case!(quarantined_records_come_newest_first, "The last so many records, newest first."),
        case!(
            entries_are_narrowed_by_each_part_of_a_query,
            "Records with their ids, newest first; each part narrows."
        ),
        case!(
            removed_records_are_gone_and_their_ids_too,
            "Ids that are not there are passed over; the id of a removed record MUST NOT be given to another."
        ),
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

/// Sixteen records of two instruments and none, from two tapes, some with a receipt time.
async fn stored(store: &dyn MarketStore) -> Result<Vec<QuarantineEntry>, StoreError> {
    let other = instrument("kraken", "ETH/USDT");
    let records: Vec<_> = (0..16)
        .map(|number: i64| QuarantinedRecord {
            instrument: [Some(eth()), Some(other.clone()), None][number as usize % 3].clone(),
            received_at: (number % 4 != 0).then(|| at(number)),
            ..record(&format!("tape{}.gz:{number}", number % 2), "x", "y")
        })
        .collect();
    store.quarantine(&records).await?;
    store.quarantine_entries(&QuarantineQuery::newest(100)).await
}

async fn entries_are_narrowed_by_each_part_of_a_query(store: Arc<dyn MarketStore>) -> Verdict {
    let all = stored(&*store).await?;
    ensure!(all.len() == 16, "{} of sixteen", all.len());
    ensure!(all.windows(2).all(|pair| pair[0].id > pair[1].id), "ids must fall: {all:?}");
    let none = QuarantineQuery::newest(100);
    let range = TimeRange::try_new(at(5), at(9)).ok();
    for query in [
        QuarantineQuery { id: Some(all[3].id), ..none.clone() },
        QuarantineQuery { id: Some(u64::MAX), ..none.clone() },
        QuarantineQuery { before: Some(all[3].id), ..none.clone() },
        QuarantineQuery { before: Some(all[3].id), limit: 2, ..none.clone() },
        QuarantineQuery { instrument: Some(eth()), ..none.clone() },
        QuarantineQuery { instrument: Some(instrument("kraken", "ETH/USDT")), ..none.clone() },
        QuarantineQuery { origin: Some("tape1".into()), ..none.clone() },
        QuarantineQuery { origin: Some("%".into()), ..none.clone() },
        QuarantineQuery { received: range, ..none.clone() },
        QuarantineQuery {
            received: range,
            origin: Some("tape0".into()),
            instrument: Some(eth()),
            ..none.clone()
        },
        QuarantineQuery::newest(0),
        QuarantineQuery::newest(usize::MAX),
    ] {
        let want: Vec<_> =
            all.iter().filter(|entry| query.matches(entry)).take(query.limit).cloned().collect();
        same(&format!("{query:?}"), &store.quarantine_entries(&query).await?, &want)?;
    }
    Ok(())
}

async fn removed_records_are_gone_and_their_ids_too(store: Arc<dyn MarketStore>) -> Verdict {
    let all = stored(&*store).await?;
    let newest = all[0].id;
    ensure!(store.remove_quarantined(&[]).await? == 0, "nothing is removed by nothing");
    let removed = store.remove_quarantined(&[newest, all[5].id, u64::MAX, newest]).await?;
    ensure!(removed == 2, "two were there, got {removed}");
    ensure!(store.remove_quarantined(&[newest]).await? == 0, "it is gone");
    let left = store.quarantine_entries(&QuarantineQuery::newest(100)).await?;
    let want: Vec<_> = all.iter().filter(|entry| ![newest, all[5].id].contains(&entry.id)).cloned().collect();
    same("what is left", &left, &want)?;
    // The same record again is a new one.
    ensure!(store.quarantine(&[all[0].record.clone()]).await? == 1, "what was removed may come again");
    let again = store.quarantine_entries(&QuarantineQuery::newest(1)).await?;
    ensure!(again[0].record == all[0].record, "{:?}", again[0]);
    ensure!(again[0].id > newest, "id {} was given out before", again[0].id);
    Ok(())
}
