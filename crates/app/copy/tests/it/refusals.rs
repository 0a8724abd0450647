//! What a copy does not do, and how it says so.

use onetape_copy::{CopyError, CopyOptions};
use onetape_domain::imported::Source;
use onetape_ports::StoreErrorKind;
use onetape_testkit::dump;

use crate::support::{copy, eth, fill, import, instrument, memory, recording, verify};

#[tokio::test]
async fn another_past_under_the_same_clock_is_refused_by_table_and_day() {
    let (source, target) = (memory(), memory());
    let recording = recording(eth(), 7);
    recording.write(&*source).await.expect("written");
    // The same clock over a day whose trades are not there.
    let mut expected = None;
    for batch in recording.batches() {
        let mut batch = batch.clone();
        batch.changes.trades.retain(|trade| trade.key.sequence % 50 != 0);
        target.append(&batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    let before = dump(&*target, &eth()).await.expect("dumped");
    let error = copy(&*source, &*target).await.expect_err("another past");
    let CopyError::Differ { differences, .. } = &error else { panic!("{error}") };
    let named: Vec<_> = differences.iter().map(|one| (one.what.as_str(), one.day.as_deref())).collect();
    assert_eq!(named, [("trade_events", Some("2024-08-08")), ("trade_events", Some("2024-08-09"))]);
    assert_eq!(dump(&*target, &eth()).await.expect("dumped"), before, "nothing was written");
    assert_eq!(verify(&*source, &*target).await.differences, *differences);
}

#[tokio::test]
async fn a_target_that_is_ahead_is_refused_naming_both_clocks() {
    let (source, target) = (memory(), memory());
    let recording = recording(eth(), 7);
    recording.write(&*target).await.expect("written");
    let first = &recording.batches()[0];
    source.append(first, None).await.expect("written");
    let error = copy(&*source, &*target).await.expect_err("ahead").to_string();
    let last = target.flushed(&eth()).await.expect("clock").expect("a clock");
    assert!(error.contains(&last.to_string()) && error.contains(&first.clock.issued.to_string()), "{error}");
}

#[tokio::test]
async fn a_target_with_another_past_is_not_added_to() {
    let (source, target) = (memory(), memory());
    recording(eth(), 7).write(&*source).await.expect("written");
    let other = recording(eth(), 8);
    let mut expected = None;
    for batch in &other.batches()[..other.batches().len() / 2] {
        target.append(batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    let before = dump(&*target, &eth()).await.expect("dumped");
    let error = copy(&*source, &*target).await.expect_err("another past");
    assert!(matches!(error, CopyError::Differ { resumable: false, .. }), "{error}");
    assert_eq!(dump(&*target, &eth()).await.expect("dumped"), before);
}

#[tokio::test]
async fn an_unknown_instrument_is_refused_naming_those_there_are() {
    let (source, target) = (memory(), memory());
    fill(&*source).await;
    let options = CopyOptions { instruments: [instrument("binance:SOL/USDT")].into(), restart: false };
    let error = onetape_copy::copy(&*source, &*target, &options, &mut |_| ()).await.expect_err("unknown");
    let text = error.to_string();
    assert!(text.contains("no binance:SOL/USDT") && text.contains("kraken:ETH/USDT"), "{text}");
    assert!(target.archived().await.expect("instruments").is_empty());
}

#[tokio::test]
async fn imports_are_not_mixed_under_another_order_of_sources() {
    let (source, target) = (memory(), memory());
    fill(&*source).await;
    let order = [Source::try_new("files").expect("a source")];
    target.set_source_order(&order).await.expect("ordered");
    let error = copy(&*source, &*target).await.expect_err("another order");
    let text = error.to_string();
    assert!(text.contains("[vendor, files]") && text.contains("[files]"), "{text}");
    // Without an order, but with imports that the source's would put into one.
    let target = memory();
    import(&*target, &instrument("binance:SOL/USDT"), "own", "files", -10, 0).await;
    let error = copy(&*source, &*target).await.expect_err("answers of the target would change");
    assert!(matches!(error, CopyError::SourceOrder { .. }), "{error}");
}

#[tokio::test]
async fn imports_of_the_target_are_not_written_over() {
    let (source, target) = (memory(), memory());
    recording(eth(), 7).write(&*source).await.expect("written");
    import(&*target, &eth(), "own", "files", -10, -5).await;
    let error = copy(&*source, &*target).await.expect_err("it has imports");
    let CopyError::Target { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), StoreErrorKind::Conflict);
    assert_eq!(target.imports(&eth()).await.expect("imports").len(), 1);
}

#[tokio::test]
async fn progress_grows_up_to_the_whole() {
    let (source, target) = (memory(), memory());
    fill(&*source).await;
    let mut moments = Vec::new();
    let mut note = |progress: &onetape_copy::Progress| moments.push((progress.fraction, progress.rows));
    let report = onetape_copy::copy(&*source, &*target, &CopyOptions::default(), &mut note).await;
    let report = report.expect("copied");
    assert!(moments.is_sorted(), "{moments:?}");
    let (fraction, rows) = moments.last().copied().expect("moments");
    let all: u64 = report.instruments.iter().map(|one| one.rows).sum();
    assert!((0.999..=1.0).contains(&fraction) && rows == 2 * all, "{fraction} {rows} {all}");
}
