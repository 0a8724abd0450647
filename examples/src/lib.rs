//! What the examples share: a toy market, the same in every run, and a folder to work in.

use std::path::{Path, PathBuf};

use onetape::prelude::*;

/// What an example comes to.
pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// One second in microseconds, the unit of time here.
pub const SECOND: i64 = 1_000_000;

/// When the toy market opens.
pub fn opening() -> Timestamp {
    Timestamp::from_micros(1_723_161_600 * SECOND) // 2024-08-09T00:00:00Z
}

/// A market that wanders: one trade each second. Whoever runs it twice gets the same trades.
pub fn trades(seconds: i64) -> impl Iterator<Item = PushedTrade> {
    let (mut state, mut cents, mut drift) = (2_024_u64, 250_000_i64, 0_i64);
    (0..seconds).map(move |second| {
        // Knuth's generator; the high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let step = i64::try_from(state >> 58).unwrap_or(0) - 31;
        // Every ten minutes it makes up its mind anew.
        if second % 600 == 0 {
            drift = step.signum();
        }
        cents = (cents + step + drift).max(100);
        PushedTrade {
            event_time: opening().plus(second * SECOND + 250_000),
            id: TradeId::Numeric(second),
            price: format!("{}.{:02}", cents / 100, cents % 100),
            size: format!("0.{:03}", 1 + (state >> 32) % 900),
            side: if step < 0 { Side::Sell } else { Side::Buy },
        }
    })
}

/// A book of five levels a side around a price given in whole units.
pub fn book(mid: i64) -> Result<[Vec<BookLevel>; 2], Violations> {
    let side = |sign: i64| {
        let level = |depth: i64| -> Result<BookLevel, Violations> {
            Ok(BookLevel {
                price: Price::parse("price", &(mid + sign * depth).to_string())?,
                size: Quantity::parse("size", &format!("{depth}.5"))?,
            })
        };
        (1..=5).map(level).collect::<Result<Vec<_>, _>>()
    };
    Ok([side(-1)?, side(1)?])
}

/// A folder of an example's own, gone when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it, empty.
    pub fn new(name: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("onetape-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the system's folder for such things, the system removes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
