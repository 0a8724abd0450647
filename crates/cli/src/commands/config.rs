//! `onetape config`: the settings, and where each comes from.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use onetape::config::{Config, Origin};

use crate::args::{ConfigArgs, ConfigCommand};
use crate::hint::hinted;
use crate::output::colours::Tint;
use crate::output::grid::{Cell, Grid};
use crate::output::say;

/// `file` is the one given as `--config`.
pub(crate) fn run(args: ConfigArgs, file: Option<&Path>) -> anyhow::Result<()> {
    match args.command {
        ConfigCommand::Show { json } => show(&Config::load(file)?, json),
        ConfigCommand::Path => path(file),
        ConfigCommand::Init { file: given } => init(given.or_else(|| file.map(Path::to_owned))),
    }
}

fn show(config: &Config, json: bool) -> anyhow::Result<()> {
    let settings = config.settings();
    if json {
        let value = serde_json::json!({ "file": config.file(), "settings": settings });
        say!("{}", onetape::domain::canonical::to_string(&value)?)?;
        return Ok(());
    }
    let mut grid = Grid::new(&["setting", "value", "from"]);
    for setting in settings {
        let from = match &setting.origin {
            Origin::Default => Cell::from("default"),
            other => Cell::tinted(other.to_string(), Tint::Good),
        };
        let value = match (setting.name, setting.value) {
            ("store", value) if value.is_empty() => "none: there is no HOME for one".to_owned(),
            (_, value) if value.is_empty() => "the venue's own".to_owned(),
            (_, value) => value,
        };
        grid.row([Cell::from(setting.name), Cell::from(value), from]);
    }
    grid.print()?;
    match config.file() {
        Some(path) => say!("file: {}", path.display())?,
        None => say!("no file is read; `onetape config init` writes one")?,
    }
    Ok(())
}

/// Also where the file cannot be read: that is when one asks.
fn path(file: Option<&Path>) -> anyhow::Result<()> {
    let places = Config::places(file);
    match places.iter().find(|path| path.is_file()) {
        Some(path) => say!("{}", path.display())?,
        None => {
            say!("there is none; it would be the first of")?;
            places.iter().try_for_each(|place| say!("  {}", place.display()))?;
        }
    }
    Ok(())
}

fn init(path: Option<PathBuf>) -> anyhow::Result<()> {
    let path = path.or_else(Config::users_file).context("there is no place for a file of yours").map_err(|error| {
        hinted(error, "name the file, as in `onetape config init ./onetape.toml`; HOME and XDG_CONFIG_HOME are not set")
    })?;
    Config::write_sample(&path)?;
    say!("{} explains every setting and sets none yet", path.display())?;
    if !Config::places(None).contains(&path) {
        say!("it is read with --config {0}, or ONETAPE_CONFIG={0}", path.display())?;
    }
    Ok(())
}
