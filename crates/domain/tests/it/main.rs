//! Tests of the domain against known numbers.
mod book;
mod candles;
mod indicators;
mod tape;
