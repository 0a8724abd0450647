//! DataIngestionPipeline: the write side of onetape
