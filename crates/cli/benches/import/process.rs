//! Runs the binary, and looks at its memory meanwhile.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use onetape_testkit::memory::peak_bytes;

use crate::Outcome;

/// How often memory is looked at. What is read is the most there ever was, so only growth of the last moment is missed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a command took.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    /// Most memory at once, in bytes; none where the system does not tell.
    pub(crate) memory: Option<u64>,
    pub(crate) out: String,
}

/// Runs `onetape`, which must succeed.
pub(crate) fn onetape(args: &[&str]) -> Outcome<Taken> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onetape"));
    command.args(args).stdout(Stdio::piped()).env_remove("ONETAPE_CONFIG");
    let begin = now();
    let mut child = command.spawn()?;
    let mut out = String::new();
    let mut pipe = child.stdout.take().ok_or("no output")?;
    let reader = std::thread::spawn(move || pipe.read_to_string(&mut out).map(|_| out));
    let memory = watched(&mut child)?;
    let status = child.wait()?;
    let seconds = begin.elapsed().as_secs_f64();
    let out = reader.join().map_err(|_| "the reader of its output panicked")??;
    if !status.success() {
        return Err(format!("onetape {} ended with {status}:\n{out}", args.join(" ")).into());
    }
    Ok(Taken { seconds, memory, out })
}

fn watched(child: &mut Child) -> Outcome<Option<u64>> {
    let mut most = None;
    while child.try_wait()?.is_none() {
        most = most.max(peak_bytes(child.id()));
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(most)
}

/// How long other work takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(f64, T)> {
    let begin = now();
    let done = work()?;
    Ok((begin.elapsed().as_secs_f64(), done))
}

#[expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
