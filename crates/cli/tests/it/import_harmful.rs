//! Folders in which somebody put what does harm, among files that are sound: each is named with its reason, nothing of it runs, the
//! sound ones are taken in, and memory stays in bounds.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use flate2::Compression;
use flate2::write::GzEncoder;
use onetape_testkit::generator::Rng;
use onetape_testkit::memory::peak_bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};

use crate::import::{import, json};
use crate::support::{Home, Kind, Ran, TestStore};

/// Most memory of a migration, whatever it is given.
const MEMORY: u64 = 256_000_000;
/// Rows of each sound file.
const ROWS: i64 = 300;
const BOMB_BYTES: usize = 64 << 20;

/// A sound file of minutes.
fn parquet() -> Vec<u8> {
    let times: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS).map(|at| 1_723_161_600 + 60 * at)));
    let prices: ArrayRef = Arc::new(Float64Array::from_iter_values((0..ROWS).map(|at| 2_500.5 + at as f64)));
    let columns = ["open", "high", "low", "close", "volume"].map(|name| (name, prices.clone()));
    let batch = RecordBatch::try_from_iter([("ts", times)].into_iter().chain(columns)).expect("a batch");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("closed")
}

fn csv() -> String {
    let row = |at: i64| format!("{},10,12,9,11,1.5\n", 1_723_161_600 + 60 * at);
    std::iter::once("time,open,high,low,close,volume\n".to_owned()).chain((0..ROWS).map(row)).collect()
}

/// The same Parquet file, whose description says that it has two thousand million rows.
fn with_claimed_rows(bytes: &[u8]) -> Vec<u8> {
    const CLAIMED: i64 = 2_000_000_000;
    let length = bytes.len();
    let described = u32::from_le_bytes(bytes[length - 8..length - 4].try_into().expect("four bytes"));
    let said = ParquetMetaDataReader::decode_metadata(&bytes[length - 8 - described as usize..length - 8]);
    let said = said.expect("a description");
    let claim = |group: &RowGroupMetaData| {
        group.clone().into_builder().set_num_rows(CLAIMED).build().expect("a row group")
    };
    let groups = said.row_groups().iter().map(claim).collect();
    let schema = said.file_metadata().schema_descr_ptr();
    let claimed = ParquetMetaData::new(FileMetaData::new(2, CLAIMED, None, None, schema, None), groups);
    let mut written = bytes[..length - 8 - described as usize].to_vec();
    let mut footer = Vec::new();
    ParquetMetaDataWriter::new(&mut footer, &claimed).finish().expect("written");
    written.extend(footer);
    written
}

fn zip(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("begun");
    archive.write_all(contents).expect("packed");
    archive.finish().expect("finished").into_inner()
}

fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(contents).expect("packed");
    packed.finish().expect("packed")
}

/// A pickle that makes a file where it is executed.
fn hostile(canary: &Path) -> Vec<u8> {
    let command = format!("touch {}", canary.display());
    let length = u32::try_from(command.len()).expect("short").to_le_bytes();
    [b"\x80\x02cposix\nsystem\nX".as_slice(), &length, command.as_bytes(), b"\x85R."].concat()
}

/// What does harm, under names of candles, and what must be said of it.
fn harmful(canary: &Path) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let sound = parquet();
    let endless = vec![b'1'; BOMB_BYTES];
    let bomb = [csv().as_bytes(), &endless].concat();
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let nested = zip("ETHUSDT_1m.csv", csv().as_bytes());
    let deep = [b"\x80\x04".as_slice(), &vec![b']'; 4 << 20]].concat();
    vec![
        ("hostile/ETHUSDT_1m.pkl", hostile(canary), "refused: the file asks for `posix.system`"),
        ("truncated/ETHUSDT_1m.parquet", sound[..sound.len() / 2].to_vec(), "it was cut off"),
        ("nothing/ETHUSDT_1m.parquet", Vec::new(), "the file is empty"),
        ("nothing/ETHUSDT_1m.csv", Vec::new(), "the file is empty"),
        ("nothing/ETHUSDT_1m.pkl", Vec::new(), "the file is empty"),
        ("nothing/ETHUSDT_1m.json", Vec::new(), "the file is empty"),
        ("nothing/ETHUSDT_1m.feather", Vec::new(), "the file is empty"),
        ("picture/ETHUSDT_1m.parquet", picture.to_vec(), "is neither text nor another kind of file"),
        ("bomb/ETHUSDT_1m.zip", zip("ETHUSDT_1m.csv", &bomb), "a line has more than 65536 bytes"),
        ("bomb/ETHUSDT_1m.csv.gz", gzip(&bomb), "a line has more than 65536 bytes"),
        ("nested/ETHUSDT_1m.zip", zip("ETHUSDT_1m.zip", &nested), "has no files that end with .csv"),
        ("rows/ETHUSDT_1m.parquet", with_claimed_rows(&sound), "rows before what it says"),
        ("deep/ETHUSDT_1m.json", vec![b'['; 4 << 20], "an element has more than 1048576 bytes"),
        ("deep/ETHUSDT_1m.pkl", deep, "more single values than 160 MiB of memory"),
        ("endless/ETHUSDT_1m.csv", endless, "has a first line of more than 65536 bytes"),
    ]
}

/// The folder: what does harm beside two sound files.
fn folder(at: &Path, canary: &Path) -> Vec<(&'static str, &'static str)> {
    let write = |name: &str, bytes: &[u8]| {
        let path = at.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    };
    write("BTCUSDT_1m.parquet", &parquet());
    write("LTCUSDT_1m.csv", csv().as_bytes());
    let files = harmful(canary);
    files.iter().for_each(|(name, bytes, _)| write(name, bytes));
    files.into_iter().map(|(name, _, said)| (name, said)).collect()
}

/// Runs the command, looking at its memory meanwhile: the most there ever was, so that only growth of its last moment is missed.
fn watched(home: &Home, args: &[&str]) -> (Ran, u64) {
    let mut command = home.command();
    let child =
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let id = child.id();
    let looking = std::thread::spawn(move || {
        let mut most = 0;
        while let Some(bytes) = peak_bytes(id) {
            most = most.max(bytes);
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    let output = child.wait_with_output().expect("a child");
    (output.into(), looking.join().expect("no panic"))
}

async fn harm_is_named_and_bounded(kind: Kind) {
    let Some(store) = kind.store().await else { return };
    let (home, canary) = (Home::new(), tempfile::tempdir().expect("a folder"));
    let canary = canary.path().join("executed");
    let cache = home.path().join("cache");
    let files = folder(&cache, &canary);
    for command in ["plan", "run"] {
        let args = ["import", command, "cache", "--store", store.url()];
        let (ran, memory) = watched(&home, &args);
        assert_eq!(ran.code, 3, "{command}: {}", ran.err);
        assert!(!canary.exists(), "{command} executed it");
        for (name, said) in &files {
            // Of an archive the table inside is named too.
            let is_of =
                |line: &&str| [": ", " ["].iter().any(|end| line.starts_with(&format!("left: {name}{end}")));
            let told = ran.out.lines().find(is_of);
            assert!(told.is_some_and(|told| told.contains(said)), "{command} {name}: {told:?}");
        }
        assert!((1_000_000..MEMORY).contains(&memory), "{command} took {memory} bytes");
    }
    assert_sound(&store);
}

/// The sound files are in, as they are.
fn assert_sound(store: &TestStore) {
    let status = import(store, &["status"]).ok();
    let run = status.split_whitespace().next().expect("a run").to_owned();
    let report = json(&import(store, &["status", &run, "--json"]).ok());
    assert_eq!(report["report"]["state"], "finished", "{report}");
    let taken: i64 = report["report"]["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .map(|table| table["progress"]["new"].as_i64().expect("a count"))
        .sum();
    assert_eq!(taken, 2 * ROWS);
    import(store, &["verify", &run]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_harm_is_named_and_the_rest_goes_into_a_file() {
    harm_is_named_and_bounded(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_harm_is_named_and_the_rest_goes_into_a_server() {
    harm_is_named_and_bounded(Kind::Server).await;
}

/// Flipped bits anywhere: the file is read or named, and the others are taken in.
#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_are_named_or_read_and_the_run_goes_on() {
    let (home, mut rng) = (Home::new(), Rng::new(11));
    let sound = parquet();
    home.write("cache/LTCUSDT_1m.csv", &csv());
    for number in 0..40 {
        let mut bytes = sound.clone();
        // Half of them in what describes the others.
        let from = if number % 2 == 0 { 0 } else { sound.len() - 700 };
        for _ in 0..=number % 4 {
            let at = rng.between(from as i64, sound.len() as i64 - 1) as usize;
            bytes[at] ^= 1 << rng.between(0, 7);
        }
        fs::create_dir_all(home.path().join(format!("cache/{number}"))).expect("made");
        fs::write(home.path().join(format!("cache/{number}/BTCUSDT_1m.parquet")), bytes).expect("written");
    }
    let (ran, memory) =
        watched(&home, &["import", "run", "cache", "--store", "sqlite://market.db", "--json"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(memory < MEMORY, "{memory} bytes");
    let report = json(&ran.out);
    let tables = report["tables"].as_array().expect("tables");
    assert_eq!(tables.len(), 41, "every file is in the report");
    let left = tables.iter().filter(|table| table["decision"]["leave"].is_object()).count();
    assert!((5..40).contains(&left), "{left} are left");
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    let whole = tables.iter().find(|table| table["path"] == "LTCUSDT_1m.csv").expect("it is there");
    assert_eq!(whole["progress"]["new"], ROWS);
}
