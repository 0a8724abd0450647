//! What was collected.

use onetape::StoreUrl;
use onetape::exchanges::live::LiveStats;
use onetape::prelude::*;
use serde_json::json;

use crate::output::say;
use crate::output::summary::{rows, say_clocks, say_rows};

/// Prints it, for people or for programs.
pub(super) fn print(
    summary: &IngestSummary,
    feeds: &[LiveStats],
    seconds: f64,
    store: &StoreUrl,
    is_json: bool,
) -> anyhow::Result<()> {
    let sum = |count: fn(&LiveStats) -> u64| feeds.iter().map(count).sum::<u64>();
    let (attempts, lost, renewed) = (sum(|s| s.attempts), sum(|s| s.lost), sum(|s| s.renewed));
    let (snapshots, failed) = (sum(|s| s.snapshots), sum(|s| s.failed_snapshots));
    if is_json {
        let value = json!({
            "messages": summary.messages,
            "stamped": summary.stamped,
            "redelivered": summary.redelivered,
            "quarantined": summary.quarantined,
            "rows": rows(summary),
            "connections": { "attempts": attempts, "lost": lost, "renewed": renewed },
            "snapshots": { "received": snapshots, "failed": failed },
            "clocks": summary.clocks,
            "seconds": seconds,
        });
        say!("{}", onetape::domain::canonical::to_string(&value)?)?;
        return Ok(());
    }
    let rate = crate::progress::rate(summary.messages, seconds);
    say!("{} messages in {seconds:.1} s ({rate:.0}/s) into {store}", summary.messages)?;
    say_rows(summary)?;
    say!("  known before: {} messages; quarantined: {}", summary.redelivered, summary.quarantined)?;
    say!(
        "  connections: {attempts} attempts, {lost} lost, {renewed} renewed; books fetched: {snapshots}, in vain: {failed}"
    )?;
    say_clocks(summary)?;
    Ok(())
}
