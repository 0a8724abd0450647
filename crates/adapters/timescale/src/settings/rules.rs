//! What periods must be to each other. Each broken rule is reported with what to do.

use onetape_domain::violation::Violations;

use super::{Period, Settings, TablePeriods};

/// Candles from fine to coarse.
const CANDLES: [&str; 6] = ["ohlcv_1s", "ohlcv_1m", "ohlcv_5m", "ohlcv_15m", "ohlcv_1h", "ohlcv_1d"];
/// What the coverage log speaks of, second by second.
const COVERED: [&str; 5] =
    ["ohlcv_1s", "trade_events", "order_book_snapshots", "order_book_1s_agg", "order_book_imbalances"];
/// The widest candle.
const WIDEST: Period = Period::DAY;

/// The settings, where no rule is broken.
pub(super) fn check(settings: Settings) -> Result<Settings, Violations> {
    let mut violations = Violations::default();
    for (table, periods) in settings.tables() {
        table_alone(&settings, table.name, periods, &mut violations);
    }
    whole_days(&settings, &mut violations);
    refresh_window(&settings, &mut violations);
    at_least(&settings, &CANDLES, &CANDLES, "a coarser candle", &mut violations);
    at_least(&settings, &["ohlcv_superseded"], &CANDLES, "what was known of candles", &mut violations);
    at_least(&settings, &["stream_coverage"], &COVERED, "the proof of what is complete", &mut violations);
    violations.into_result(settings)
}

fn table_alone(settings: &Settings, name: &str, periods: TablePeriods, violations: &mut Violations) {
    let horizon = settings.late_data().horizon();
    let TablePeriods { chunk_interval: _, compress_after, retain_for } = periods;
    if let Some(after) = compress_after.filter(|after| *after < horizon) {
        let reason = format!(
            "would compress rows that late data still changes: give at least {horizon} (late_data.lateness + \
             late_data.repair_horizon), or shorten those"
        );
        violations.push(format!("tables.{name}.compress_after"), after, reason);
    }
    let Some(retain) = retain_for else { return };
    if retain < horizon {
        let reason = format!(
            "would drop rows that may still be repaired: give at least {horizon} (late_data.lateness + \
             late_data.repair_horizon), or shorten those"
        );
        violations.push(format!("tables.{name}.retain_for"), retain, reason);
    }
    if let Some(after) = compress_after.filter(|after| retain <= *after) {
        let reason = format!(
            "would drop rows before they are compressed: keep them longer than compress_after ({after}), or set \
             compress_after = \"never\""
        );
        violations.push(format!("tables.{name}.retain_for"), retain, reason);
    }
}

/// A day that lies in two chunks would be dropped by halves, and refreshed by halves.
fn whole_days(settings: &Settings, violations: &mut Violations) {
    for name in CANDLES {
        let Some(periods) = settings.table(name) else { continue };
        if periods.chunk_interval.micros() % Period::DAY.micros() != 0 {
            let field = format!("tables.{name}.chunk_interval");
            violations.push(
                field,
                periods.chunk_interval,
                "must be whole days, since days are rolled up from it",
            );
        }
    }
}

fn refresh_window(settings: &Settings, violations: &mut Violations) {
    let refresh = settings.refresh();
    let horizon = settings.late_data().horizon();
    let seconds = settings.table("ohlcv_1s").and_then(|periods| periods.retain_for);
    if let Some(retain) = seconds.filter(|retain| *retain <= refresh.from) {
        let reason = format!(
            "reaches over seconds that retention drops ({retain}), which deletes the aggregate: give less than \
             tables.ohlcv_1s.retain_for"
        );
        violations.push("aggregates.refresh_from", refresh.from, reason);
    }
    if refresh.from < horizon {
        let reason = format!(
            "leaves late rows out: give at least {horizon} (late_data.lateness + late_data.repair_horizon)"
        );
        violations.push("aggregates.refresh_from", refresh.from, reason);
    }
    if refresh.from.micros() - refresh.until.micros() < 2 * WIDEST.micros() {
        let reason =
            "must be at least 2 days longer than refresh_until: a window holds two of the widest candles";
        violations.push("aggregates.refresh_from", refresh.from, reason);
    }
}

/// Each of `tables` is kept as long as those of `others` that come before it in the same list, or all of them.
fn at_least(settings: &Settings, tables: &[&str], others: &[&str], what: &str, violations: &mut Violations) {
    for name in tables {
        let Some(retain) = settings.table(name).and_then(|periods| periods.retain_for) else { continue };
        let before = others.iter().take_while(|other| *other != name);
        let longest = before
            .filter_map(|other| settings.table(other).map(|periods| (*other, periods.retain_for)))
            .max_by_key(|(_, kept)| kept.map_or(i64::MAX, Period::micros));
        let Some((other, kept)) = longest else { continue };
        if kept.is_none_or(|kept| kept > retain) {
            let kept = kept.map_or_else(|| "forever".to_owned(), |kept| kept.to_string());
            let reason = format!("drops {what} before {other}, which is kept {kept}: give at least that");
            violations.push(format!("tables.{name}.retain_for"), retain, reason);
        }
    }
}
