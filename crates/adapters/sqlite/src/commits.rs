//! Commits that nobody waits for any more.
//!
//! A call that is cancelled while its COMMIT is on the way cannot take it back. The commit goes on by itself, and readers
//! of this process that begin afterwards wait for it: what they see is not half of two states, one read before it and one
//! after. Where no call was cancelled, nobody waits.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

/// Counts such commits.
#[derive(Debug, Clone)]
pub(crate) struct Commits(Arc<watch::Sender<usize>>);

impl Default for Commits {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Commits {
    /// Runs a commit to its end, whatever becomes of the caller. None where its task broke down.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        commit: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut waiting = Waiting { commits: self.clone(), task: None };
        let task = waiting.task.insert(tokio::spawn(commit));
        let outcome = task.await;
        waiting.task = None;
        outcome.ok()
    }

    /// Waits until none is on its way.
    pub(crate) async fn settled(&self) {
        if *self.0.borrow() > 0 {
            // The sender is alive as long as this is.
            let _ = self.0.subscribe().wait_for(|orphans| *orphans == 0).await;
        }
    }
}

/// Who waits for a commit.
struct Waiting<T: Send + 'static> {
    commits: Commits,
    /// None once it has ended.
    task: Option<tokio::task::JoinHandle<T>>,
}

impl<T: Send + 'static> Drop for Waiting<T> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end, and nobody reads any more.
        if let Some(task) = self.task.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let commits = self.commits.clone();
            commits.0.send_modify(|orphans| *orphans += 1);
            runtime.spawn(async move {
                let _ = task.await;
                commits.0.send_modify(|orphans| *orphans -= 1);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readers_wait_for_the_commit_of_a_cancelled_call() {
        let commits = Commits::default();
        let (done, wait) = tokio::sync::oneshot::channel::<()>();
        let mut call = Box::pin(commits.run(wait));
        assert!(futures::poll!(&mut call).is_pending());
        commits.settled().await;
        drop(call);
        let mut reader = Box::pin(commits.settled());
        assert!(futures::poll!(&mut reader).is_pending());
        done.send(()).expect("the commit goes on");
        reader.await;
    }

    #[tokio::test]
    async fn nobody_waits_for_what_has_ended() {
        let commits = Commits::default();
        assert_eq!(commits.run(async { 7 }).await, Some(7));
        commits.settled().await;
    }
}
