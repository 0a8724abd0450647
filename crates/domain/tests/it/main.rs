//! Tests of the domain against known numbers.
mod indicators;
