//! A venue on loopback: Binance's WebSocket and REST protocol over markets whose truth is known, with faults.
//!
//! ```no_run
//! use onetape_domain::instrument::Market;
//! use onetape_simulator::Simulator;
//! use onetape_testkit::generator;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let market = generator::Market::new("binance:ETH/USDT".parse()?, 1);
//! let simulator = Simulator::builder().market(&market).speed(60).start().await?;
//! // A client connects to these, and takes the time from `simulator.clock()`.
//! println!("{}/stream?streams=ethusdt@trade", simulator.ws_url(Market::Spot));
//! println!("{}/api/v3/depth?symbol=ETHUSDT", simulator.rest_url(Market::Spot));
//! simulator.ended().await;
//! println!("{}", simulator.report());
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod clock;
pub mod faults;
mod limits;
pub mod proxy;
mod report;
mod rest;
pub mod script;
mod server;
mod simulator;
mod socket;
mod timeline;
mod venue;

pub use clock::VenueClock;
pub use faults::{Fault, Faults, Injected};
pub use report::Report;
pub use script::Script;
pub use simulator::{Builder, Simulator};
pub use timeline::Stream;
