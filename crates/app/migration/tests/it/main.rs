//! Real folders of an old system, taken into a store, compared, and taken out again.

mod cache;
mod conflicts;
mod cutover;
mod holes;
mod interrupted;
mod lean;
mod metrics;
mod rolled;
mod shadow;
mod support;
