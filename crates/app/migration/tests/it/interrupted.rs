//! Runs and removals that end at every place, and go on from there.

use std::ops::ControlFlow;

use onetape_domain::manifest::RunState;
use onetape_migration::{MigrationError, Progress, Step, plan};

use crate::support::{Moving, data, on, options};

/// Says stop at the n-th moment.
fn after(moments: u64) -> impl FnMut(&Progress<'_>) -> ControlFlow<()> + Send {
    let mut left = moments;
    move |_| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_anywhere_ends_in_the_same_tables() {
    let Some(folder) = data("legacy_cache/pandas-2.2.3") else { return };
    let undisturbed = Moving::from(&folder);
    let planned = undisturbed.plan(&options(&folder)).await;
    undisturbed.run(&planned).await;
    let instruments = ["binance:ETH/USDT", "binance:BTC/BUSD", "binance:BTC/USD"];
    for moments in [1, 2, 3, 7] {
        let moving = Moving::from(&folder);
        let manager = moving.manager.clone().with_batch_rows(97);
        let mut stops = 0;
        loop {
            let report =
                manager.run(&moving.folder, &planned.run, &mut after(moments)).await.expect("a part of it");
            if !report.is_stopped {
                assert_eq!(report.state, RunState::Finished);
                break;
            }
            stops += 1;
            assert!(stops < 1_000, "it never ends");
        }
        assert!(stops > 3, "{stops}");
        for instrument in instruments {
            assert_eq!(moving.stored(instrument).await, undisturbed.stored(instrument).await, "{moments}");
        }
        let progress = |moving: &Moving| {
            let (manager, run) = (moving.manager.clone(), planned.run.id.clone());
            async move { manager.manifest(&run).await.expect("a run").progress }
        };
        assert_eq!(progress(&moving).await, progress(&undisturbed).await);
        // And the way back, one part at a time.
        let mut stops = 0;
        while manager.rollback(&planned.run.id, &mut after(2)).await.expect("removed").is_stopped {
            stops += 1;
            assert!(stops < 1_000, "it never ends");
        }
        for instrument in instruments {
            assert!(moving.stored(instrument).await.is_empty());
        }
    }
}

#[tokio::test]
async fn plans_and_comparisons_are_stopped_too() {
    let Some(folder) = data("legacy_cache/pandas-2.2.3") else { return };
    let moving = Moving::from(&folder);
    let stopped = plan(&moving.folder, &options(&folder), &mut after(3)).await;
    assert!(matches!(stopped, Err(MigrationError::Stopped)), "{stopped:?}");
    let planned = moving.plan(&options(&folder)).await;
    let unknown = moving.manager.status(&planned.run.id).await;
    assert!(matches!(unknown, Err(MigrationError::UnknownRun { .. })), "{unknown:?}");
    moving.run(&planned).await;
    let stopped = moving.manager.verify(&moving.folder, &planned.run.id, &mut after(2)).await;
    assert!(matches!(stopped, Err(MigrationError::Stopped)), "{stopped:?}");
    let mut steps = Vec::new();
    let mut note = |progress: &Progress<'_>| {
        assert!((0.0..=1.0).contains(&progress.fraction));
        steps.push(progress.step);
        ControlFlow::Continue(())
    };
    moving.manager.verify(&moving.folder, &planned.run.id, &mut note).await.expect("compared");
    assert!(steps.contains(&Step::Comparing));
    moving.manager.rollback(&planned.run.id, &mut on).await.expect("removed");
}
