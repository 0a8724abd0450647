//! Tests of the TimescaleDB store against a real server; each has a database of its own.
#![expect(clippy::unwrap_used, reason = "a test that lacks its data has failed")]

mod append;
mod archive;
mod conformance;
mod doctor;
mod frames;
mod imports;
mod maintain;
mod pgbouncer;
mod plans;
mod pools;
mod proxied;
mod reads;
mod roles;
mod rollups;
mod scale;
mod schema;
mod settings;
mod sql_face;
mod support;
mod tls;
mod upgrade;
mod zip;
