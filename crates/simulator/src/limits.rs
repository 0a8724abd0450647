//! The limits of the venue: weights of requests, streams and messages of a connection. They count real time.
//!
//! From Binance's documentation: `rest-api.md` and `web-socket-streams.md` of spot, "General Info" of the derivatives.

use std::collections::VecDeque;
use std::time::Duration;

use onetape_domain::instrument::Market;
use tokio::time::Instant;

/// The window in which weights add up.
const MINUTE: Duration = Duration::from_secs(60);
/// Requests that may follow a 429 before the address is banned.
const PATIENCE: u32 = 10;
/// How long a ban lasts.
const BAN: Duration = Duration::from_secs(120);
/// Connection attempts in five minutes.
const MAX_ATTEMPTS: usize = 300;
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(300);
/// Most streams of a connection.
pub(crate) const MAX_STREAMS: usize = 1_024;

/// Weight of requests that an address may use in a minute.
pub(crate) const fn weight_limit(market: Market) -> u32 {
    match market {
        Market::Spot => 6_000,
        Market::Usdm | Market::Coinm => 2_400,
    }
}

/// Frames that a client may send in a second, pings and pongs among them.
pub(crate) const fn frames_a_second(market: Market) -> usize {
    match market {
        Market::Spot => 5,
        Market::Usdm | Market::Coinm => 10,
    }
}

/// Weight of a request for a book of so many levels.
pub(crate) const fn depth_weight(market: Market, levels: usize) -> u32 {
    match (market, levels) {
        (Market::Spot, ..=100) => 5,
        (Market::Spot, ..=500) => 25,
        (Market::Spot, ..=1_000) => 50,
        (Market::Spot, _) => 250,
        (_, ..=50) => 2,
        (_, ..=100) => 5,
        (_, ..=500) => 10,
        (_, _) => 20,
    }
}

/// What a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An answer; the weight used in this minute.
    Served(u32),
    /// 429: so many seconds until the minute is over.
    TooMany(u64),
    /// 418: so many seconds until the ban is over.
    Banned(u64),
}

/// The account of the one address that clients have here.
#[derive(Debug)]
pub(crate) struct Limits {
    market: Market,
    window: Option<Instant>,
    used: u32,
    refused: u32,
    banned_until: Option<Instant>,
    attempts: VecDeque<Instant>,
}

impl Limits {
    pub(crate) fn new(market: Market) -> Self {
        Self { market, window: None, used: 0, refused: 0, banned_until: None, attempts: VecDeque::new() }
    }

    /// Counts a request.
    pub(crate) fn request(&mut self, weight: u32) -> Verdict {
        let now = Instant::now();
        if let Some(until) = self.banned_until.filter(|until| *until > now) {
            return Verdict::Banned(seconds(until - now));
        }
        let window = *self.window.get_or_insert(now);
        if now.duration_since(window) >= MINUTE {
            (self.window, self.used, self.refused) = (Some(now), 0, 0);
        }
        self.used = self.used.saturating_add(weight);
        if self.used <= weight_limit(self.market) {
            return Verdict::Served(self.used);
        }
        self.refused += 1;
        if self.refused > PATIENCE {
            self.banned_until = Some(now + BAN);
            return Verdict::Banned(BAN.as_secs());
        }
        let left = MINUTE.saturating_sub(now.duration_since(self.window.unwrap_or(now)));
        Verdict::TooMany(seconds(left))
    }

    /// Counts an attempt to open a WebSocket; false beyond the limit.
    pub(crate) fn attempt(&mut self) -> bool {
        let now = Instant::now();
        while self.attempts.front().is_some_and(|first| now.duration_since(*first) >= ATTEMPTS_WINDOW) {
            self.attempts.pop_front();
        }
        self.attempts.push_back(now);
        self.attempts.len() <= MAX_ATTEMPTS
    }
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_its_weight_and_impatience_is_banned() {
        let mut limits = Limits::new(Market::Usdm);
        assert_eq!(limits.request(2_390), Verdict::Served(2_390));
        assert_eq!(limits.request(20), Verdict::TooMany(60));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(limits.request(20), Verdict::TooMany(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limits.request(20), Verdict::Served(20));
        for _ in 0..10 {
            assert!(matches!(limits.request(2_400), Verdict::TooMany(_)));
        }
        assert_eq!(limits.request(1), Verdict::Banned(120));
        tokio::time::advance(Duration::from_secs(119)).await;
        assert_eq!(limits.request(1), Verdict::Banned(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limits.request(1), Verdict::Served(1));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_counted_over_five_minutes() {
        let mut limits = Limits::new(Market::Spot);
        assert!((0..MAX_ATTEMPTS).all(|_| limits.attempt()) && !limits.attempt());
        tokio::time::advance(ATTEMPTS_WINDOW).await;
        assert!(limits.attempt());
    }
}
