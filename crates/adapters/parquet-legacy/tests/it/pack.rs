//! Folders packed, interrupted at every step, restored, and removed.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use onetape_parquet_legacy::LegacyWriter;
use onetape_parquet_legacy::pack::{PackError, Packed, SUMS, Step, pack, remove, restore};
use proptest::prelude::*;

/// A folder with `old` in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(place.old()).expect("made");
        for (path, bytes) in files {
            let path = place.old().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        place
    }

    fn old(&self) -> PathBuf {
        self.0.path().join("old")
    }

    fn archive(&self) -> PathBuf {
        self.0.path().join("archive")
    }

    fn pack(&self) -> Result<Packed, PackError> {
        pack(&self.old(), &self.archive(), &mut |_, _| ControlFlow::Continue(()))
    }

    fn restore(&self) -> Result<Packed, PackError> {
        restore(&self.archive(), &self.old(), &mut |_, _| ControlFlow::Continue(()))
    }

    fn remove(&self) -> Result<u64, PackError> {
        remove(&self.old(), &self.archive(), &mut |_, _| ControlFlow::Continue(()))
    }
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let file = |path: &str, bytes: &[u8]| (path.to_owned(), bytes.to_vec());
    BTreeMap::from([
        file("ETHUSDT_1m.parquet", &vec![7; 3_000_000]),
        file("SHA256SUMS", b"a file of the old system"),
        file("deep/er/ü b.pkl", b"pickle"),
        file("empty.csv", b""),
        file(".hidden", b"too"),
    ])
}

/// Every file below, but the lock of the folder's writer, which is none of its own.
fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name() != Some(".onetape-legacy.lock".as_ref()) {
                let name = path.strip_prefix(folder).expect("below").to_str().expect("text").to_owned();
                files.insert(name, fs::read(path).expect("bytes"));
            }
        }
    }
    files
}

#[test]
fn an_archive_is_checked_by_sha256sum_and_gives_the_same_bytes_back() {
    let place = Place::new(&files());
    let modified = fs::metadata(place.old().join(".hidden")).expect("there").modified().expect("a time");
    let packed = place.pack().expect("packed");
    assert_eq!((packed.files, packed.bytes, packed.was_there, packed.missing), (5, 3_000_033, false, 0));
    assert_eq!(read(&place.old()), files());
    let checked =
        Command::new("sha256sum").args(["--strict", "-c", SUMS]).current_dir(place.archive()).output();
    let checked = checked.expect("sha256sum runs");
    assert!(checked.status.success(), "{checked:?}");
    // Again, with all files and with some of them.
    let again = Packed { was_there: true, ..packed.clone() };
    assert_eq!(place.pack().expect("there"), again);
    fs::remove_file(place.old().join(".hidden")).expect("removed");
    assert_eq!(place.pack().expect("there"), Packed { missing: 1, ..again.clone() });
    assert_eq!(place.remove().expect("removed"), 4);
    assert!(!place.old().exists());
    assert_eq!(place.remove().expect("nothing left"), 0);
    assert_eq!(place.restore().expect("restored"), packed);
    assert_eq!(read(&place.old()), files());
    assert_eq!(
        fs::metadata(place.old().join(".hidden")).expect("there").modified().expect("a time"),
        modified
    );
    assert_eq!(place.restore().expect("there"), again);
    assert_eq!(fs::read_dir(place.0.path()).expect("a folder").count(), 2, "something is left beside them");
}

/// Calls until it is not stopped, one step later each time.
fn at_every_step(
    mut call: impl FnMut(&mut dyn FnMut(Step, &str) -> ControlFlow<()>) -> Result<(), PackError>,
    mut after: impl FnMut(),
) -> usize {
    for steps in 0_usize.. {
        let mut left = steps;
        let mut watch = |_: Step, _: &str| {
            let flow = if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            left = left.saturating_sub(1);
            flow
        };
        match call(&mut watch) {
            Err(PackError::Stopped) => after(),
            done => {
                done.expect("done at last");
                return steps;
            }
        }
    }
    unreachable!("it has an end")
}

#[test]
fn what_is_interrupted_at_any_step_is_gone_on_with() {
    let place = Place::new(&files());
    let steps = at_every_step(
        |watch| pack(&place.old(), &place.archive(), &mut |step, path| watch(step, path)).map(drop),
        || {
            assert!(!place.archive().exists(), "half an archive is at its place");
            // What a crash leaves of the file that was being copied.
            fs::write(place.0.path().join(".archive.onetape-copying"), "half").expect("written");
        },
    );
    assert_eq!(steps, 11, "5 copied, 5 read, one put in its place");
    assert_eq!(read(&place.old()), files());
    at_every_step(
        |watch| remove(&place.old(), &place.archive(), &mut |step, path| watch(step, path)).map(drop),
        || assert!(place.pack().expect("whole").was_there),
    );
    let steps = at_every_step(
        |watch| restore(&place.archive(), &place.old(), &mut |step, path| watch(step, path)).map(drop),
        || assert!(!place.old().exists(), "half a folder is at its place"),
    );
    assert_eq!(steps, 11);
    assert_eq!(read(&place.old()), files());
}

#[test]
fn files_that_change_between_two_attempts_are_packed_as_they_are() {
    let place = Place::new(&files());
    let mut left = 8;
    let stopped = pack(&place.old(), &place.archive(), &mut |_, _| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(PackError::Stopped)));
    let file = place.old().join("ETHUSDT_1m.parquet");
    let modified = fs::metadata(&file).expect("there").modified().expect("a time");
    fs::write(&file, vec![8; 3_000_000]).expect("written");
    // Nothing but its bytes tells.
    fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(modified)).expect("set");
    fs::remove_file(place.old().join("empty.csv")).expect("removed");
    fs::write(place.old().join("new.csv"), "new").expect("written");
    let now = read(&place.old());
    assert_eq!(place.pack().expect("packed").files, 5);
    place.remove().expect("removed");
    place.restore().expect("restored");
    assert_eq!(read(&place.old()), now);
}

#[test]
fn nothing_is_packed_that_changes_meanwhile_or_that_somebody_writes() {
    let place = Place::new(&files());
    let file = place.old().join("empty.csv");
    let changed = pack(&place.old(), &place.archive(), &mut |step, _| {
        if step == Step::Read {
            fs::write(&file, "more").expect("written");
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(changed, Err(PackError::Changed { .. })), "{changed:?}");
    assert!(!place.archive().exists());
    let writer = LegacyWriter::open(&place.old()).expect("a writer");
    assert!(matches!(place.pack(), Err(PackError::Lock { .. })));
    drop(writer);
    place.pack().expect("packed");
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new(&files());
    place.pack().expect("packed");
    let archive = read(&place.archive());
    for change in ["new.csv", "empty.csv"] {
        fs::write(place.old().join(change), "other").expect("written");
        let now = read(&place.old());
        for done in [place.pack().map(drop), place.restore().map(drop)] {
            assert!(matches!(done, Err(PackError::Taken { .. })), "{done:?}");
        }
        let removed = place.remove();
        assert!(matches!(removed, Err(PackError::Damaged { .. } | PackError::Differs { .. })), "{removed:?}");
        let rest = read(&place.old());
        assert!(
            now.iter().all(|(path, bytes)| rest.get(path) == Some(bytes)
                || archive.contains_key(&format!("files/{path}")))
        );
        assert_eq!(rest.get(change), now.get(change));
        fs::remove_dir_all(place.old()).expect("removed");
        place.restore().expect("restored");
    }
    assert_eq!(read(&place.archive()), archive);
    // An empty folder is as good as none.
    fs::remove_dir_all(place.old()).expect("removed");
    fs::create_dir(place.old()).expect("made");
    assert!(!place.restore().expect("restored").was_there);
    assert_eq!(read(&place.old()), files());
}

#[test]
fn a_damaged_archive_is_told_and_nothing_is_restored_or_removed() {
    let damages: [fn(&Path); 6] = [
        |archive| fs::write(archive.join("files/empty.csv"), "x").expect("written"),
        |archive| fs::remove_file(archive.join("files/empty.csv")).expect("removed"),
        |archive| fs::write(archive.join("files/other.csv"), "x").expect("written"),
        |archive| fs::write(archive.join(SUMS), "no sums").expect("written"),
        |archive| fs::remove_file(archive.join(SUMS)).expect("removed"),
        |archive| {
            let sums = fs::read_to_string(archive.join(SUMS)).expect("text");
            fs::write(archive.join(SUMS), sums.replace("files/empty.csv", "files/../../escaped"))
                .expect("written");
        },
    ];
    for damage in damages {
        let place = Place::new(&files());
        place.pack().expect("packed");
        damage(&place.archive());
        assert!(place.pack().is_err());
        assert_eq!(read(&place.old()), files());
        fs::rename(place.old(), place.0.path().join("aside")).expect("moved");
        let restored = place.restore();
        assert!(restored.is_err(), "{restored:?}");
        assert!(!place.old().exists() && !place.0.path().join("escaped").exists());
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_plain_file_is_named() {
    let place = Place::new(&files());
    let link = place.old().join("deep/link");
    std::os::unix::fs::symlink("../empty.csv", &link).expect("linked");
    let refused = place.pack();
    assert!(matches!(&refused, Err(PackError::NotPlain { place }) if *place == link), "{refused:?}");
    fs::remove_file(link).expect("removed");
    let odd = place.old().join("two\nlines");
    fs::write(&odd, "").expect("written");
    assert!(matches!(place.pack(), Err(PackError::Name { place }) if place == odd));
    fs::remove_file(odd).expect("removed");
    let inside = pack(&place.old(), &place.old().join("deep/archive"), &mut |_, _| ControlFlow::Continue(()));
    assert!(matches!(inside, Err(PackError::Inside { .. })));
    assert!(
        pack(&place.old().join("empty.csv"), &place.archive(), &mut |_, _| ControlFlow::Continue(()))
            .is_err()
    );
    assert!(
        pack(&place.0.path().join("nowhere"), &place.archive(), &mut |_, _| ControlFlow::Continue(()))
            .is_err()
    );
    assert!(!place.0.path().join("nowhere").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_a_folder_holds_comes_back(
        files in prop::collection::btree_map("[a-zé .]{1,6}(/[a-z]{1,4}x){0,3}", prop::collection::vec(any::<u8>(), 0..200), 0..12),
        stop in 0_usize..40,
    ) {
        // No file may be where a folder is.
        let plain = |path: &String| {
            !path.split('/').any(|name| matches!(name, "." | ".."))
                && !files.keys().any(|other| other.starts_with(&format!("{path}/")))
        };
        let files: BTreeMap<String, Vec<u8>> = files.iter().filter(|(path, _)| plain(path)).map(|(a, b)| (a.clone(), b.clone())).collect();
        let place = Place::new(&files);
        let mut left = stop;
        let _ = pack(&place.old(), &place.archive(), &mut |_, _| {
            left = left.saturating_sub(1);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        place.pack().expect("packed");
        prop_assert_eq!(place.remove().expect("removed"), files.len() as u64);
        place.restore().expect("restored");
        prop_assert_eq!(read(&place.old()), files);
    }
}
