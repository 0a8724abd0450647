//! Exchange wire formats and tape feeds of onetape
