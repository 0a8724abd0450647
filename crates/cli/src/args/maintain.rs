//! Arguments of `onetape maintain`.

use clap::Args;

use super::StoreArg;
use super::values::{parse_listener, parse_pause};

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct MaintainArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Go on, with a run each time so much has passed: 10m, 1h, 1d; until interrupted
    #[arg(long, value_name = "DURATION", value_parser = parse_pause)]
    pub(crate) every: Option<std::time::Duration>,
    /// Serve metrics for Prometheus meanwhile: a port of the loopback interface, or ADDRESS:PORT
    #[arg(long, value_name = "[ADDRESS:]PORT", requires = "every", value_parser = parse_listener)]
    pub(crate) metrics: Option<std::net::SocketAddr>,
    /// Print the report as JSON, one line a run
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
What is dropped is gone. Ages count from now, so of an old tape everything but the coarse candles goes by the default
settings. `onetape db settings` shows how long rows are kept; `onetape db setup --settings FILE` changes it.";
