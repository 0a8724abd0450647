//! The conformance suite: a right store passes it, each mistake is caught.

use std::sync::Arc;

use onetape_ports::MarketStore;
use onetape_testkit::conformance::examine;
use onetape_testkit::{FaultStore, cases, run_all};

use crate::naive_store::{Mistake, NaiveStore};

fn naive(mistake: Mistake) -> Arc<dyn MarketStore> {
    Arc::new(NaiveStore::new(mistake))
}

#[tokio::test]
async fn a_right_store_passes() {
    let report = run_all(&[], || async { naive(Mistake::None) }).await;
    assert_eq!(report.passed.len(), cases().len());
}

#[tokio::test]
async fn every_mistake_is_caught() {
    use Mistake::*;
    let mistakes = [
        (NoCompareAndSet, "a_wrong_expected_clock_is_a_conflict_that_changes_nothing"),
        (ClockGoesBack, "an_older_batch_is_a_conflict_and_the_clock_stays"),
        (RowsTwice, "a_batch_written_twice_changes_nothing"),
        (BookStays, "a_clock_without_a_book_removes_the_stored_book"),
        (LookAhead, "a_candle_is_read_in_the_version_known_at_the_instant"),
        (OneEarly, "frame_parts_are_those_of_the_model_at_many_instants"),
        (PartialsStay, "a_superseded_partial_sample_is_left_out_unless_asked_for"),
        (BookBySecond, "the_last_book_is_the_one_last_available"),
        (TradesByArrival, "many_trades_in_one_millisecond_keep_their_order"),
        (CoverageCut, "frame_parts_are_those_of_the_model_at_many_instants"),
        (SymbolOnly, "two_exchanges_with_the_same_symbol_stay_apart"),
        (QuarantineTwice, "a_record_already_in_quarantine_is_not_stored_again"),
        (ImportsAtOnce, "an_import_waits_until_a_batch_names_it"),
        (RollsUpParts, "finishing_an_import_rolls_up_whole_periods"),
        (WrittenUnderLoad, "an_instrument_under_load_is_written_by_nobody_else"),
        (LoadShowsImports, "loaded_imports_are_unseen_and_then_in_their_place"),
        (LoadSupersedes, "a_loaded_candle_makes_way_for_a_higher_revision"),
        (ExpiryForgotten, "what_retention_had_taken_is_told_after_a_load"),
        (LoadsTwice, "loaded_rows_that_are_there_stay"),
        (VersionsCounted, "the_inventory_counts_what_is_stored"),
        (IdsReused, "removed_records_are_gone_and_their_ids_too"),
        (RehearsesForReal, "a_rehearsal_changes_nothing"),
        (RunsGoBack, "a_run_goes_forward_only"),
        (RunsInPart, "another_run_of_its_name_is_refused"),
        (BatchesTwice, "a_batch_follows_the_one_before"),
        (LogBranches, "of_records_added_at_once_one_is"),
        (FirstStays, "of_two_candles_the_policy_says_which_stays"),
        (ProgressFirst, "a_batch_with_a_conflict_that_is_refused_changes_nothing"),
        (RefusedUnbounded, "no_more_than_so_many_refused_rows_are_kept"),
        (LastOfAll, "last_n_counts_candles_known_at_the_instant"),
    ];
    for (mistake, case) in mistakes {
        let case = cases().into_iter().find(|candidate| candidate.name == case).unwrap();
        assert!(case.run(naive(mistake)).await.is_err(), "{mistake:?} passes {}", case.name);
    }
}

#[tokio::test]
async fn a_decorator_passes_and_what_it_declares_missing_is_reported() {
    use onetape_testkit::Capability;
    let decorated = || Arc::new(FaultStore::new(naive(Mistake::None))) as Arc<dyn MarketStore>;
    let report = examine(&[Capability::Cancellation], || async { decorated() }).await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(
        report.skipped,
        [
            ("a_cancelled_append_is_written_whole_or_not_at_all", Capability::Cancellation),
            ("a_cancelled_batch_is_written_whole_or_not_at_all", Capability::Cancellation)
        ]
    );
    assert!(report.to_string().contains("declares no Cancellation"));
}

#[test]
fn names_of_cases_are_unique() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
