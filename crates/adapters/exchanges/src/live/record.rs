//! Recordings: what came, as it came and in the order it was delivered, as tapes that a replay reads back.
//!
//! A line is `<received ns> <json>`. The number of its connection is added to the message's envelope, since the engine proves
//! order and life by connection; an answer of REST gets an envelope that says whose it is. Files are rows of zstd frames:
//! each is compressed in memory and written whole, so a process that is killed loses the frame it gathers and no other.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use onetape_domain::message::ConnectionId;
use onetape_domain::time::{SECOND, Timestamp};
use tokio::time::Instant;

use super::error::LiveError;

/// Text of a frame; compressing it takes a millisecond or two.
const FRAME_BYTES: usize = 512 << 10;
/// Age at which a frame is written even if it is smaller.
const FRAME_AGE: Duration = Duration::from_secs(1);
/// Compressed bytes of a file beyond which the next one is begun.
const FILE_BYTES: u64 = 256 << 20;
/// The next one is begun with each hour, too.
const FILE_PERIOD: i64 = 3_600 * SECOND;
/// Level of zstd: its own default.
const LEVEL: i32 = 3;

/// Writes a recording.
#[derive(Debug)]
pub(super) struct Recorder {
    folder: PathBuf,
    /// Beginning of the files' names.
    name: String,
    current: Option<Current>,
    frame: Vec<u8>,
    /// When the frame is to be written.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Current {
    file: File,
    bytes: u64,
    hour: i64,
}

impl Recorder {
    /// Makes the folder where it is missing, and checks that it can be written to.
    pub(super) fn open(folder: &Path, name: String) -> Result<Self, LiveError> {
        let failed = |source| LiveError::Recording { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        if std::fs::metadata(folder).map_err(failed)?.permissions().readonly() {
            return Err(failed(io::ErrorKind::PermissionDenied.into()));
        }
        Ok(Self { folder: folder.to_owned(), name, current: None, frame: Vec::new(), due: None })
    }

    /// Adds a message.
    pub(super) fn add(
        &mut self,
        text: &[u8],
        received_at: Timestamp,
        connection: ConnectionId,
    ) -> io::Result<()> {
        let hour = received_at.micros().div_euclid(FILE_PERIOD);
        let is_full = |current: &Current| current.hour != hour || current.bytes >= FILE_BYTES;
        if self.current.as_ref().is_some_and(is_full) {
            self.flush()?;
            self.current = None;
        }
        if self.current.is_none() {
            self.current = Some(Current { file: self.create(received_at)?, bytes: 0, hour });
        }
        // Nanoseconds since 1970, of which the last three digits are not measured.
        let _ = write!(self.frame, "{}000 ", received_at.micros());
        let text = text.trim_ascii();
        // A line break is nothing but a blank in JSON.
        let plain = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        match text.strip_suffix(b"}") {
            Some(open) if open.len() > 1 => {
                self.frame.extend(open.iter().map(plain));
                let _ = write!(self.frame, ",\"connection\":{connection}}}");
            }
            _ => self.frame.extend(text.iter().map(plain)),
        }
        self.frame.push(b'\n');
        self.due.get_or_insert_with(|| Instant::now() + FRAME_AGE);
        if self.frame.len() >= FRAME_BYTES { self.flush() } else { Ok(()) }
    }

    /// When the frame is to be written, if there is one.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Writes the frame.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.due = None;
        let frame = std::mem::take(&mut self.frame);
        if let (false, Some(current)) = (frame.is_empty(), &mut self.current) {
            let packed = zstd::bulk::compress(&frame, LEVEL)?;
            current.file.write_all(&packed)?;
            current.bytes += packed.len() as u64;
            self.frame = frame;
            self.frame.clear();
        }
        Ok(())
    }

    /// A new file; its name sorts by the time of its first message.
    fn create(&self, received_at: Timestamp) -> io::Result<File> {
        let time = received_at.to_datetime().map(|time| time.format("%Y%m%dT%H%M%S%.6fZ").to_string());
        let time = time.unwrap_or_else(|| received_at.micros().to_string());
        let mut again = 0_u32;
        loop {
            // A clock that was set back comes by the same time again.
            let suffix = if again == 0 { String::new() } else { format!("-{again}") };
            let path = self.folder.join(format!("{}-{time}{suffix}.jsonl.zst", self.name));
            match File::create_new(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => again += 1,
                created => return created,
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::error!(folder = %self.folder.display(), %error, "the end of a recording is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_723_161_254_123_456);

    fn files(folder: &Path) -> Vec<(String, String)> {
        let entries =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<(String, String)> = entries
            .map(|path| {
                let text = zstd::decode_all(File::open(&path).expect("a file")).expect("whole frames");
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                (name, String::from_utf8(text).expect("text"))
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn lines_have_the_time_the_message_and_its_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut recorder = Recorder::open(folder.path(), "binance-spot".to_owned()).expect("opened");
        for text in ["{\"a\":1}", "{\"a\":\n{}}\r\n", "{}", "no json"] {
            recorder.add(text.as_bytes(), START, 7).expect("added");
        }
        drop(recorder);
        let files = files(folder.path());
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].0, "binance-spot-20240808T235414.123456Z.jsonl.zst");
        let lines: Vec<&str> = files[0].1.lines().collect();
        let want = ["{\"a\":1,\"connection\":7}", "{\"a\": {},\"connection\":7}", "{}", "no json"];
        assert_eq!(lines, want.map(|line| format!("1723161254123456000 {line}")));
    }

    #[test]
    fn each_hour_has_a_file_and_none_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            let mut recorder = Recorder::open(folder.path(), "x".to_owned()).expect("opened");
            for minutes in [0, 1, 59, 61] {
                recorder.add(b"{\"a\":1}", START.plus(minutes * 60 * SECOND), 1).expect("added");
            }
        }
        let lines: Vec<usize> = files(folder.path()).iter().map(|(_, text)| text.lines().count()).collect();
        // It is six minutes before the hour.
        assert_eq!(lines, [2, 2, 2, 2]);
    }

    #[test]
    fn what_is_killed_has_whole_frames() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut recorder = Recorder::open(folder.path(), "x".to_owned()).expect("opened");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        for _ in 0..8 {
            recorder.add(long.as_bytes(), START, 1).expect("added");
        }
        // As it is on the disk while the second frame is gathered.
        assert_eq!(files(folder.path())[0].1.lines().count(), 6);
        drop(recorder);
        assert_eq!(files(folder.path())[0].1.lines().count(), 8);
    }
}
