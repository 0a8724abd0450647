//! A simulated market: deterministic feed messages of any number of instruments, and the faults a
//! real feed has. Needs nothing but the domain, so that a demo can take it over whole.

pub mod binance;
pub mod faults;
pub mod history;
pub mod market;
pub mod rng;
pub mod tape;

pub use history::{history, plain_trade};
pub use market::{Ids, Market, Messages};
pub use rng::Rng;
pub use tape::binance_tape_lines;
