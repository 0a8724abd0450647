//! Files appear whole or not at all, and take nothing away that is not theirs.

use std::fs;
use std::path::{Path, PathBuf};

use onetape_arrow::files::{Dataset, FileError, Format, Options, Part, Partition, Written};
use onetape_arrow::{Decimals, Encoder, Notes, tables};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::trade::Trade;
use onetape_testkit::generator::history::plain_trade;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::cells::column;
use crate::market::instrument;
use crate::round_trips::read;

/// 2024-08-09T00:00:00Z.
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

fn trades(count: i64) -> Vec<Trade> {
    (0..count).map(|id| plain_trade(MIDNIGHT.plus((id - count / 2) * SECOND), id).expect("a trade")).collect()
}

fn encoder(format: Format) -> Encoder<Trade> {
    let decimals = if format == Format::Csv { Decimals::Text } else { Decimals::Exact };
    Encoder::new(&tables::TRADES, decimals, &[instrument()], &Notes::default())
}

/// Writes trades, a batch for each run of one period.
fn write(dataset: &mut Dataset, options: &Options, trades: &[Trade]) -> Result<(), FileError> {
    let same =
        |one: &Trade, other: &Trade| options.partition.same_period(one.key.event_time, other.key.event_time);
    for rows in trades.chunk_by(same).flat_map(|rows| rows.chunks(1_000)) {
        let batch = encoder(options.format).encode(&instrument(), 0, rows).expect("a batch");
        dataset.write(&Part { instrument: instrument(), time: rows[0].key.event_time }, &batch)?;
    }
    Ok(())
}

fn export(options: &Options, trades: &[Trade]) -> Result<Written, FileError> {
    let mut dataset = Dataset::begin(options.clone())?;
    write(&mut dataset, options, trades)?;
    dataset.finish(encoder(options.format).schema())
}

/// Every file below a folder, relative to it.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.iter_mut().for_each(|path| *path = path.strip_prefix(folder).expect("below").to_owned());
    found.sort();
    found
}

#[test]
fn nothing_is_there_before_the_end_and_nothing_is_left_of_what_was_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    for (format, partition) in
        [(Format::Parquet, Partition::None), (Format::Arrow, Partition::Day), (Format::Csv, Partition::Month)]
    {
        let options = Options { partition, ..Options::new(folder.path().join("out"), format) };
        let mut dataset = Dataset::begin(options.clone()).expect("begun");
        write(&mut dataset, &options, &trades(10)).expect("written");
        assert!(!options.target.exists());
        drop(dataset);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0, "{format:?}");
    }
}

#[test]
fn what_is_there_is_replaced_only_on_demand_and_only_if_it_is_a_dataset() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Options::new(folder.path().join("trades.parquet"), Format::Parquet);
    export(&file, &trades(3)).expect("the first");
    assert!(matches!(export(&file, &trades(5)), Err(FileError::Exists { .. })));
    assert_eq!(column(&read(&file.target, Format::Parquet), "sequence").len(), 3);
    export(&Options { overwrite: true, ..file.clone() }, &trades(5)).expect("replaced");
    assert_eq!(column(&read(&file.target, Format::Parquet), "sequence").len(), 5);

    let tree =
        Options { partition: Partition::Day, ..Options::new(folder.path().join("trades"), Format::Csv) };
    fs::create_dir(&tree.target).expect("an empty folder");
    let written = export(&tree, &trades(10)).expect("an empty folder is no obstacle");
    assert_eq!((written.files, written.rows), (2, 10));
    assert!(matches!(export(&tree, &trades(3)), Err(FileError::Exists { .. })));
    let again = Options { overwrite: true, ..tree.clone() };
    assert_eq!(export(&again, &trades(1)).expect("replaced").files, 1);
    assert_eq!(all_files(&tree.target).len(), 1);
    fs::write(tree.target.join("notes.txt"), "mine").expect("written");
    let refused = export(&again, &trades(3)).expect_err("there is something else");
    assert!(refused.to_string().contains("notes.txt"), "{refused}");
    assert_eq!(all_files(&tree.target).len(), 2, "it is as it was");

    let wrong = [
        (Options { partition: Partition::Day, ..file.clone() }, "is a file"),
        (Options { partition: Partition::None, ..tree.clone() }, "is a folder"),
        (Options::new(folder.path().join("no/such/folder"), Format::Csv), "there is no folder"),
        (Options::new(file.target.join("below"), Format::Csv), "there is no folder"),
        (Options::new("/", Format::Csv), "names no file"),
    ];
    for (options, reason) in wrong {
        let refused = export(&Options { overwrite: true, ..options }, &trades(1)).expect_err(reason);
        assert!(refused.to_string().contains(reason), "{refused}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 2, "nothing hidden is left");
}

#[test]
fn what_a_killed_process_left_is_cleared_or_put_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        partition: Partition::Day,
        overwrite: true,
        ..Options::new(folder.path().join("out"), Format::Csv)
    };
    export(&options, &trades(4)).expect("the first");
    let staging = folder.path().join(".out.partial");
    // Killed while it wrote.
    fs::create_dir_all(staging.join("data/exchange=x")).expect("made");
    fs::write(staging.join("data/exchange=x/part-0.csv"), "half a li").expect("written");
    export(&options, &trades(2)).expect("written anew");
    assert_eq!(all_files(&options.target).len(), 2);
    // Killed between its two renames.
    fs::create_dir_all(&staging).expect("made");
    fs::rename(&options.target, staging.join("old")).expect("put aside");
    drop(Dataset::begin(options.clone()).expect("begun"));
    assert_eq!(all_files(&options.target).len(), 2, "what was there is there again");
    assert!(!staging.exists());
}

#[test]
fn two_at_once_do_not_mix() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new(folder.path().join("out.csv"), Format::Csv);
    let first = Dataset::begin(options.clone()).expect("begun");
    assert!(matches!(Dataset::begin(options.clone()), Err(FileError::Busy { .. })));
    drop(first);
    export(&options, &trades(1)).expect("the other one is gone");
}

#[test]
fn without_rows_there_is_a_file_with_all_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in [Format::Parquet, Format::Arrow] {
        let options = Options::new(folder.path().join(format.as_str()), format);
        let written = export(&options, &[]).expect("written");
        assert_eq!((written.files, written.rows), (1, 0));
        assert_eq!(column(&read(&options.target, format), "price").len(), 0);
    }
    let options =
        Options { partition: Partition::Day, ..Options::new(folder.path().join("tree"), Format::Csv) };
    export(&options, &[]).expect("written");
    let text = fs::read_to_string(options.target.join("part-0.csv")).expect("a file");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn rows_are_divided_by_day_and_csv_is_canonical() {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        Options { partition: Partition::Day, ..Options::new(folder.path().join("out"), Format::Csv) };
    export(&options, &trades(4)).expect("written");
    let day = |date| format!("exchange=binance/symbol=ETH%2FUSDT/date={date}/part-0.csv");
    let (before, after) = (day("2024-08-08"), day("2024-08-09"));
    assert_eq!(all_files(&options.target), [PathBuf::from(&before), PathBuf::from(&after)]);
    let text = fs::read_to_string(options.target.join(after)).expect("a file");
    assert_eq!(
        text,
        "instrument,event_time,sequence,index,trade_id,price,size,side,first_id,last_id,trade_count,received_at,\
         available_at\n\
         binance:ETH/USDT,2024-08-09T00:00:00Z,2,0,2,2500.02,0.0003,buy,,,1,2024-08-09T00:00:00Z,2024-08-09T00:00:00Z\n\
         binance:ETH/USDT,2024-08-09T00:00:01Z,3,0,3,2500.03,0.0004,sell,,,1,2024-08-09T00:00:01Z,2024-08-09T00:00:01Z\n"
    );
}

#[test]
fn a_part_that_comes_again_is_an_error_and_no_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        Options { partition: Partition::Day, ..Options::new(folder.path().join("out"), Format::Csv) };
    let mut dataset = Dataset::begin(options.clone()).expect("begun");
    write(&mut dataset, &options, &trades(4)).expect("written");
    assert!(matches!(write(&mut dataset, &options, &trades(4)), Err(FileError::Torn { .. })));
}

#[test]
fn row_groups_leave_the_memory_when_they_are_large_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let small =
        Options { row_group_bytes: 1 << 20, ..Options::new(folder.path().join("small"), Format::Parquet) };
    let mut dataset = Dataset::begin(small.clone()).expect("begun");
    let (mut early, rows) = (0, trades(60_000));
    for rows in rows.chunks(1_000) {
        write(&mut dataset, &small, rows).expect("written");
        early = dataset.written().bytes;
    }
    assert!(early > 100_000, "{early} bytes had left the memory before the end");
    let written = dataset.finish(encoder(Format::Parquet).schema()).expect("finished");
    assert!(written.bytes > early);
    let reader = SerializedFileReader::new(fs::File::open(&small.target).expect("a file")).expect("parquet");
    let groups = reader.metadata().row_groups();
    assert!(groups.len() > 3, "{} row groups", groups.len());
    assert_eq!(groups.iter().map(|group| group.num_rows()).sum::<i64>(), 60_000);
    let notes = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
    assert!(notes.iter().any(|note| note.key == onetape_arrow::key::DECIMALS));
}

/// Rows that would take some 150 MB, made while they are written.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_does_not_grow_with_the_rows() {
    use futures::{StreamExt as _, TryStreamExt as _, stream};
    use onetape_arrow::batches;
    use onetape_testkit::memory::peak_bytes;

    let folder = tempfile::tempdir().expect("a folder");
    let mut peaks = Vec::new();
    for (round, count) in [20_000, 600_000].into_iter().enumerate() {
        let path = folder.path().join(round.to_string());
        let options = Options { row_group_bytes: 4 << 20, ..Options::new(path, Format::Parquet) };
        let mut dataset = Dataset::begin(options).expect("begun");
        let rows = stream::iter(0..count).map(|id| plain_trade(MIDNIGHT.plus(id * SECOND), id));
        let mut stream = batches(&encoder(Format::Parquet), instrument(), rows, 8_192);
        let part = Part { instrument: instrument(), time: MIDNIGHT };
        while let Some(batch) = stream.try_next().await.expect("a batch") {
            assert!(batch.num_rows() <= 8_192);
            dataset.write(&part, &batch).expect("written");
        }
        let written = dataset.finish(stream.schema()).expect("finished");
        assert_eq!(written.rows, u64::try_from(count).expect("a count"));
        peaks.push(peak_bytes(std::process::id()).expect("a peak"));
    }
    let grown = peaks[1] - peaks[0];
    assert!(grown < 48 << 20, "{grown} bytes more for thirty times as many rows");
}
