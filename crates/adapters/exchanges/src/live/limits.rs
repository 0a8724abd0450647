//! A venue's limits: so much in a period, and nothing for as long as it says.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What may be used in a period that ends now.
#[derive(Debug)]
pub(super) struct Window {
    limit: u32,
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: VecDeque<(Instant, u32)>,
    paused_until: Option<Instant>,
}

impl Window {
    pub(super) fn new(limit: u32, period: Duration) -> Self {
        Self { limit, period, state: Mutex::default() }
    }

    /// Waits until so much may be used, and uses it. More than the limit waits for an empty period.
    pub(super) async fn take(&self, amount: u32) {
        while let Err(at) = self.try_take(amount) {
            tokio::time::sleep_until(at).await;
        }
    }

    /// Uses so much, or says when to ask again.
    pub(super) fn try_take(&self, amount: u32) -> Result<(), Instant> {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(until) = state.paused_until.filter(|until| *until > now) {
            return Err(until);
        }
        while state.used.pop_front_if(|(at, _)| *at + self.period <= now).is_some() {}
        let used: u32 = state.used.iter().map(|(_, amount)| amount).sum();
        match state.used.front() {
            Some((oldest, _)) if used + amount > self.limit => Err(*oldest + self.period),
            _ => {
                state.used.push_back((now, amount));
                Ok(())
            }
        }
    }

    /// Takes nothing for a while: the venue said so.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(Some(until));
    }

    /// Takes note of what the venue counts, which may be more: others share the address.
    pub(super) fn observe(&self, used: u32) {
        let mut state = self.lock();
        let known: u32 = state.used.iter().map(|(_, amount)| amount).sum();
        if used > known {
            state.used.push_back((Instant::now(), used - known));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// How long it takes to use so much.
    async fn waited(window: &Window, amount: u32) -> Duration {
        let begin = Instant::now();
        window.take(amount).await;
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_used_comes_back_after_the_period() {
        let window = Window::new(10, MINUTE);
        assert_eq!(waited(&window, 6).await, Duration::ZERO);
        tokio::time::advance(MINUTE / 2).await;
        assert_eq!(waited(&window, 4).await, Duration::ZERO);
        assert!(waited(&window, 6).await >= MINUTE / 2, "the first six come back first");
        assert!(waited(&window, 4).await <= MINUTE / 2 + Duration::from_millis(2), "then the four");
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_the_limit_waits_for_an_empty_period_and_not_for_ever() {
        let window = Window::new(10, MINUTE);
        assert_eq!(waited(&window, 25).await, Duration::ZERO);
        assert!(waited(&window, 1).await >= MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_and_a_shorter_one_does_not_end_it() {
        let window = Window::new(10, MINUTE);
        window.pause(5 * MINUTE);
        window.pause(MINUTE);
        assert!(waited(&window, 1).await >= 5 * MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_used_counts() {
        let window = Window::new(10, MINUTE);
        window.take(2).await;
        window.observe(9);
        assert!(waited(&window, 2).await >= MINUTE);
    }
}
