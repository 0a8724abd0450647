//! One tape of the market: a unified market-data store with as-of reads
