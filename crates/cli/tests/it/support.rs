//! Runs the binary, and finds its inputs.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::read::GzDecoder;
use onetape_testdb::{Template, TestDb};

/// What a run printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Ran {
    /// The output of a run that must have succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }
}

/// A user with nothing yet: no settings, no store. Gone with its value.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The binary as this user runs it, in the home folder, whatever the machine's own settings are.
    pub(crate) fn command(&self) -> Command {
        self.program(env!("CARGO_BIN_EXE_onetape"))
    }

    /// Any program as this user runs it.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let ours = ["ONETAPE_", "XDG_", "NO_COLOR", "CLICOLOR", "COLUMNS", "CARGO_MANIFEST_DIR"];
        for (name, _) in std::env::vars_os() {
            if ours.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.path()).current_dir(self.path());
        command
    }

    /// Runs `onetape` with the arguments.
    pub(crate) fn onetape(&self, args: &[&str]) -> Ran {
        self.command().args(args).output().expect("the binary runs").into()
    }

    /// The same with variables in the environment.
    pub(crate) fn onetape_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command();
        command.envs(variables.iter().copied()).args(args).output().expect("the binary runs").into()
    }

    /// Writes a file of the user's.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    }
}

/// What a process that serves pages answers; nothing where the caller was cut off.
pub(crate) fn ask(port: u16, request: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    // It may be cut off before all is said.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// The same for a page.
pub(crate) fn get(port: u16, path: &str) -> String {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// Runs `onetape` with the arguments.
pub(crate) fn onetape(args: &[&str]) -> Ran {
    Home::new().onetape(args)
}

/// Runs `onetape` with text on its standard input.
pub(crate) fn onetape_with_input(args: &[&str], input: String) -> Ran {
    let mut child = Home::new()
        .command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("no panic").expect("input was read");
    output.into()
}

/// A database that was set up, for one test.
pub(crate) async fn database() -> Option<TestDb> {
    let schema = onetape::timescale::fingerprint();
    let template = Template::new("onetape", schema, |url| async move { onetape::migrate(&url).await });
    onetape_testdb::database(&template).await
}

/// Where a test keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A TimescaleDB, where one can be had.
    Server,
    /// A SQLite file.
    File,
}

/// A store for one test, gone with its value.
pub(crate) enum TestStore {
    Server(TestDb),
    File { url: String, _folder: tempfile::TempDir },
}

impl Kind {
    /// A new store, or none as a visible skip.
    pub(crate) async fn store(self) -> Option<TestStore> {
        match self {
            Self::Server => database().await.map(TestStore::Server),
            Self::File => {
                let folder = tempfile::tempdir().expect("a folder");
                let url = format!("sqlite://{}", folder.path().join("market.db").display());
                Some(TestStore::File { url, _folder: folder })
            }
        }
    }
}

impl TestStore {
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Server(database) => database.url(),
            Self::File { url, .. } => url,
        }
    }
}

/// The two files of the real tape.
pub(crate) fn tape() -> Option<[PathBuf; 2]> {
    let folder = onetape_testkit::data::folder()?.join("binance_spot_raw");
    Some(["ethusdt_20240808.gz", "ethusdt_20240809.gz"].map(|name| folder.join(name)))
}

/// All lines of packed files.
pub(crate) fn lines(files: &[PathBuf]) -> Vec<String> {
    let mut text = String::new();
    for file in files {
        let file = std::fs::File::open(file).expect("tape");
        GzDecoder::new(file).read_to_string(&mut text).expect("text");
    }
    text.lines().map(str::to_owned).collect()
}

/// Writes lines into a file of a folder.
pub(crate) fn write(folder: &Path, name: &str, lines: impl IntoIterator<Item = String>) -> PathBuf {
    let path = folder.join(name);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("file"));
    for line in lines {
        writeln!(file, "{line}").expect("written");
    }
    path
}

/// Replays files into a store; more arguments may follow.
pub(crate) fn replay(store: &str, files: &[PathBuf], more: &[&str]) -> Ran {
    let mut args = vec!["replay", "--exchange", "binance", "--market", "spot", "--json", "--store", store];
    args.extend(more);
    args.extend(files.iter().map(|file| file.to_str().expect("text path")));
    onetape(&args)
}

/// A query of the tape's instrument.
pub(crate) fn query(store: &str, what: &str, more: &[&str]) -> Ran {
    onetape(&[&["query", what, "binance:ETH/USDT", "--store", store], more].concat())
}
