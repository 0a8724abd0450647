//! Tests of the TimescaleDB store against a real server; each has a database of its own.

mod conformance;
mod support;
