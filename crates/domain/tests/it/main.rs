//! Tests of the domain against known numbers.
mod book;
mod candles;
mod imported;
mod indicators;
mod roll_ups;
mod tape;
mod zip;
