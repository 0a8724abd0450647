//! TimescaleDB store of onetape
