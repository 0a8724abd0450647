//! A frame as batches says what the frame says.

use onetape_arrow::{Decimals, FrameBatches, key};
use onetape_domain::frame::{FrameShape, assemble};
use onetape_domain::time::Timeframe;
use onetape_ports::{FrameQuery, Knowledge};
use onetape_testkit::generator::history::history;

use crate::cells::{cell, column};
use crate::market::{instrument, recording};

#[test]
fn every_section_is_there_with_its_rows_and_its_quality() {
    let recording = recording(150);
    let as_of = *recording.stamps().last().expect("a stamp");
    let query = FrameQuery {
        instrument: instrument(),
        as_of,
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    };
    let parts = recording.reference().frame_parts(&query);
    let frame = assemble(instrument(), as_of, FrameShape::DEFAULT, parts).expect("a frame");
    let batches = FrameBatches::of(&frame, Decimals::Exact).expect("batches");
    let names: Vec<&str> = batches.sections.iter().map(|section| section.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "ohlcv_1s",
            "ohlcv_1m",
            "ohlcv_5m",
            "ohlcv_15m",
            "ohlcv_1h",
            "ohlcv_1d",
            "orderbook_snapshot",
            "orderbook_1s_agg",
            "imbalances",
            "indicators",
            "context_data"
        ]
    );
    for timeframe in Timeframe::ALL {
        let (section, rows) = (frame.candles(timeframe), batches.get(&format!("ohlcv_{timeframe}")));
        let rows = rows.expect("a section");
        let closes: Vec<_> = section.rows.iter().map(|row| Some(row.ohlcv().close.to_string())).collect();
        assert_eq!(column(std::slice::from_ref(rows), "close"), closes);
        let states: Vec<_> = section.rows.iter().map(|row| Some(row.state().as_str().to_owned())).collect();
        assert_eq!(column(std::slice::from_ref(rows), "state"), states);
        let forming = section.rows.len() - section.closed().len();
        let known = column(std::slice::from_ref(rows), "known_from");
        assert_eq!(known.iter().filter(|known| known.is_none()).count(), forming);
        let schema = rows.schema();
        assert_eq!(schema.metadata()[key::TIER], section.quality.tier.as_str());
        assert_eq!(schema.metadata()[key::AS_OF], format!("{{\"binance:ETH/USDT\":{}}}", as_of.micros()));
    }
    let book = frame.orderbook_snapshot.as_ref().expect("a book");
    let shown = batches.get("orderbook_snapshot").expect("a section");
    let bids = serde_json::to_string(book.bids()).expect("json");
    assert_eq!(cell(shown, "bids", 0), Some(bids));
    let buckets = batches.get("orderbook_1s_agg").expect("a section");
    assert_eq!(buckets.num_rows(), frame.orderbook_1s_agg.len());
    assert_eq!(cell(buckets, "available_at", 0), Some(book.available_at().micros().to_string()));
    assert_eq!(batches.get("imbalances").map(|rows| rows.num_rows()), Some(frame.imbalances.len()));
    let context = batches.get("context_data").expect("a section");
    assert_eq!(context.num_rows(), frame.context_data.rows.len());
    let indicators = batches.get("indicators").expect("a section");
    assert_eq!(indicators.num_rows(), frame.indicators.len());
    assert_eq!(indicators.schema().metadata()[key::FEATURE_VERSION], frame.feature_version.to_string());
    assert_eq!(batches.get("trades"), None);
}

#[test]
fn an_empty_frame_has_all_columns() {
    let (_, parts) =
        history(&instrument(), "2024-08-09T00:00:00Z".parse().expect("a time"), 1).expect("parts");
    let parts = onetape_domain::frame::FrameParts { coverage: parts.coverage, ..Default::default() };
    let as_of = "2024-08-09T00:00:00Z".parse().expect("a time");
    let frame = assemble(instrument(), as_of, FrameShape::DEFAULT, parts).expect("a frame");
    for decimals in [Decimals::Exact, Decimals::Float, Decimals::Text] {
        let batches = FrameBatches::of(&frame, decimals).expect("batches");
        let rows = batches.sections.iter().filter(|section| section.name != "indicators");
        rows.for_each(|section| assert_eq!(section.batch.num_rows(), 0, "{}", section.name));
        assert!(batches.sections.iter().all(|section| section.batch.num_columns() > 8));
    }
}
