//! UnifiedDataProvider: the read side of onetape
