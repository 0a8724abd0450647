//! Running other programs: captured output, and the last of it in the error.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tokio::task::spawn_blocking;

use crate::Error;

/// How many lines of a failed program's output go into the error.
const TAIL_LINES: usize = 12;

/// Runs to the end; what it printed on standard output.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let printed = [&*output.stdout, &*output.stderr].concat();
    Err(Error::Command {
        program: describe(command),
        status: output.status,
        output: tail(&String::from_utf8_lossy(&printed)),
    })
}

/// Runs to the end; an error only where it cannot be started at all.
pub(crate) fn output(command: &mut Command) -> Result<Output, Error> {
    command.stdin(Stdio::null()).output().map_err(Error::io(format!("run {}", describe(command))))
}

/// Programs are waited for on a thread that may block.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    spawn_blocking(work).await.map_err(|e| Error::io("wait for a helper thread")(e.into()))?
}

/// The full path of a program in `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// A program run as the system's superuser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Superuser {
    /// We are it.
    Root,
    /// `sudo` lets us without a password.
    Sudo,
}

impl Superuser {
    /// Whether and how this process can act as the superuser.
    pub(crate) fn detect() -> Option<Self> {
        if is_root() {
            return Some(Self::Root);
        }
        find("sudo")?;
        run(Command::new("sudo").args(["-n", "true"])).is_ok().then_some(Self::Sudo)
    }

    pub(crate) fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", program]);
                command
            }
        }
    }
}

pub(crate) fn is_root() -> bool {
    run(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join(" | ")
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args().take(6));
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_last_lines() {
        let error = run(Command::new("sh").args(["-c", "echo first; echo why >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.ends_with("first | why"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("onetape-no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run onetape-no-such-program");
    }
}
