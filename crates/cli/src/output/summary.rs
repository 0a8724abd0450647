//! The summary of a replay.

use std::io;

use onetape::exchanges::TapeStats;
use onetape::prelude::*;
use serde_json::{Value, json};

use super::say;

/// For programs.
pub(crate) fn json(summary: &IngestSummary, lines: &TapeStats, seconds: f64) -> anyhow::Result<String> {
    let IngestSummary { messages, stamped, redelivered, ignored, quarantined, passed_over, .. } = summary;
    let value = json!({
        "lines": lines.lines,
        "messages": messages,
        "stamped": stamped,
        "redelivered": redelivered,
        "ignored": ignored,
        "passed_over": passed_over,
        "quarantined": quarantined,
        "rows": rows(summary),
        "tape": {
            "trades": lines.trades,
            "diffs": lines.diffs,
            "snapshots": lines.snapshots,
            "tickers": lines.tickers,
            "heartbeats": lines.heartbeats,
            "ignored": lines.ignored,
            "quarantined": lines.quarantined,
        },
        "clocks": summary.clocks,
        "seconds": seconds,
    });
    Ok(onetape::domain::canonical::to_string(&value)?)
}

/// For people.
pub(crate) fn print(
    summary: &IngestSummary,
    lines: &TapeStats,
    seconds: f64,
    store: &StoreUrl,
) -> io::Result<()> {
    let rate = if seconds > 0.0 { summary.messages as f64 / seconds } else { 0.0 };
    say!(
        "{} lines, {} messages in {seconds:.1} s ({rate:.0}/s) into {store}",
        lines.lines,
        summary.messages
    )?;
    say_rows(summary)?;
    say!(
        "  known before: {} messages; not stored by kind: {}; other trade stream: {}; quarantined: {}",
        summary.redelivered,
        summary.ignored,
        summary.passed_over,
        summary.quarantined
    )?;
    say_clocks(summary)?;
    if summary.quarantined > 0 {
        say!("  `onetape quarantine list` shows the reasons of quarantined records")?;
    }
    Ok(())
}

/// New rows of each kind, for programs.
pub(crate) fn rows(summary: &IngestSummary) -> Value {
    json!({
        "trades": summary.trades,
        "candles": summary.candles,
        "revisions": summary.revisions,
        "books": summary.books,
        "imbalances": summary.imbalances,
        "coverage": summary.coverage,
    })
}

/// The same for people.
pub(crate) fn say_rows(summary: &IngestSummary) -> io::Result<()> {
    say!(
        "  new rows: {} trades, {} candle versions ({} revisions), {} books, {} imbalances, {} coverage",
        summary.trades,
        summary.candles,
        summary.revisions,
        summary.books,
        summary.imbalances,
        summary.coverage
    )
}

/// Where each instrument stands.
pub(crate) fn say_clocks(summary: &IngestSummary) -> io::Result<()> {
    for (instrument, clock) in &summary.clocks {
        say!("  {instrument} stands at {clock}")?;
    }
    Ok(())
}
