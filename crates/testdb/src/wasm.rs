//! TimescaleDB Community as WebAssembly: a process of Node.js that serves one database to one test, and ends with it.
//!
//! What runs there is in the folder `wasm` of this crate: PGlite with TimescaleDB, of pinned versions, behind a server
//! that lends its one session to one connection after the other. It proves SQL of the Community edition where no
//! server of that edition can be had, and neither pools nor locks nor background jobs.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Error, Policy, Settings, Template,
    command::{self, blocking, run},
    lock::FileLock,
    settings::fingerprint,
    template::STALE_HOURS,
};

/// The one database that such a server has.
pub(crate) const DATABASE: &str = "template1";
/// What is installed and run; `package-lock.json` pins the versions by their hashes.
const FILES: [(&str, &str); 6] = [
    ("package.json", include_str!("../wasm/package.json")),
    ("package-lock.json", include_str!("../wasm/package-lock.json")),
    ("server.mjs", include_str!("../wasm/server.mjs")),
    ("session.mjs", include_str!("../wasm/session.mjs")),
    ("client.mjs", include_str!("../wasm/client.mjs")),
    ("packet.mjs", include_str!("../wasm/packet.mjs")),
];

/// The server that [`kept`] started; it ends with this process.
static KEPT: Mutex<Option<Server>> = Mutex::new(None);

/// Whether tests have a server with one session, which runs one transaction at a time and nothing beside it: for tests of
/// what it cannot have, which say so in `reason` and skip.
///
/// # Panics
///
/// As [`Settings::from_env`].
pub fn one_session(reason: &str) -> bool {
    let one = Settings::from_env().is_wasm();
    if one {
        eprintln!("SKIPPED on a WebAssembly server: {reason}");
    }
    one
}

/// A server with one database.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    port: u16,
}

/// A server whose database is a copy of the template's, which is built first where it is missing.
pub(crate) async fn start(settings: &Settings, template: &Template) -> Result<Server, Error> {
    if settings.policy == Policy::Off {
        return Err(Error::Unusable("ONETAPE_TEST_DB=off".into()));
    }
    let home = settings.home.join("wasm");
    let installed = blocking(move || install(&home)).await?;
    let snapshot = installed.join(format!("{}.tar", template.database()));
    if !snapshot.is_file() {
        build(&installed, &snapshot, template).await?;
    }
    launch(&installed, Some(&snapshot)).await
}

/// The URL of a server that lives as long as this process, with nothing in it but the extension.
pub(crate) async fn kept(settings: &Settings) -> Result<String, Error> {
    if let Some(server) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        return Ok(server.url());
    }
    let server = start(settings, &Template::bare()).await?;
    Ok(KEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(server).url())
}

/// Makes the template's snapshot, once between processes.
async fn build(installed: &Path, snapshot: &Path, template: &Template) -> Result<(), Error> {
    let lock = snapshot.with_extension("lock");
    let _lock = blocking(move || FileLock::acquire(&lock)).await?;
    if snapshot.is_file() {
        return Ok(());
    }
    remove_stale(installed, &template.prefix());
    let mut server = launch(installed, None).await?;
    template.fill(&server.url()).await?;
    let partial = snapshot.with_extension("partial");
    let dumped = partial.clone();
    blocking(move || server.dump(&dumped)).await?;
    fs::rename(&partial, snapshot).map_err(Error::io(format!("write {}", snapshot.display())))
}

/// Best effort: snapshots of another fingerprint that are old.
fn remove_stale(installed: &Path, prefix: &str) {
    let old = Duration::from_secs(3_600 * STALE_HOURS.unsigned_abs() as u64);
    for entry in fs::read_dir(installed).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|at| at.elapsed().ok());
        if ours && age.is_some_and(|age| age > old) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The folder with the packages and our own files, made by npm where it is missing.
fn install(home: &Path) -> Result<PathBuf, Error> {
    let missing = |program: &str| {
        Error::Unusable(format!("a WebAssembly server needs Node.js and npm, and {program} is not installed"))
    };
    command::find("node").ok_or_else(|| missing("node"))?;
    let all: String = FILES.iter().flat_map(|(name, text)| [*name, "\0", *text, "\0"]).collect();
    let folder = home.join(format!("{:016x}", fingerprint(all.as_bytes())));
    if folder.is_dir() {
        return Ok(folder);
    }
    let npm = command::find("npm").ok_or_else(|| missing("npm"))?;
    let _lock = FileLock::acquire(&home.join("lock"))?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = folder.with_extension("partial");
    fs::create_dir_all(&partial).map_err(Error::io(format!("create {}", partial.display())))?;
    for (name, text) in FILES {
        let file = partial.join(name);
        fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))?;
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    run(Command::new(npm).args(arguments).current_dir(&partial))?;
    fs::rename(&partial, &folder).map_err(Error::io(format!("create {}", folder.display())))?;
    Ok(folder)
}

async fn launch(installed: &Path, snapshot: Option<&Path>) -> Result<Server, Error> {
    let mut command = Command::new("node");
    command.arg(installed.join("server.mjs")).args(snapshot);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    blocking(move || {
        let mut child = command.spawn().map_err(Error::io("run node"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Unusable("node has no pipes".into()));
        };
        let mut server = Server { child, input: Some(input), output: BufReader::new(output), port: 0 };
        let said = server.line()?;
        let port = said.strip_prefix("port ").and_then(|port| port.parse().ok());
        server.port = port.ok_or_else(|| Error::Unusable(format!("the WebAssembly server said {said:?}")))?;
        Ok(server)
    })
    .await
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{DATABASE}?sslmode=disable", self.port)
    }

    fn line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(Error::io("read what the WebAssembly server says"))?;
        if line.is_empty() {
            return Err(Error::Unusable(
                "the WebAssembly server ended; its reason is on standard error".into(),
            ));
        }
        Ok(line.trim_end().to_owned())
    }

    fn dump(&mut self, file: &Path) -> Result<(), Error> {
        if let Some(input) = &mut self.input {
            writeln!(input, "dump {}", file.display()).map_err(Error::io("ask for a snapshot"))?;
        }
        match self.line()?.as_str() {
            "dumped" => Ok(()),
            said => Err(Error::Unusable(format!("the WebAssembly server said {said:?}"))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
