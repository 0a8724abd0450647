//! `onetape-testdb`: prints the superuser's URL of the test server, starting it if need be, for tools that are not Rust.

use std::io::{self, Write};

use tokio::runtime::Builder;

fn main() -> io::Result<()> {
    let server = Builder::new_current_thread().enable_all().build()?.block_on(onetape_testdb::server());
    match server {
        Some(_) if onetape_testdb::one_session("its URL ends with the process that asks for it") => Ok(()),
        Some(server) => writeln!(io::stdout(), "{}", server.url()),
        None => Ok(()), // the reason is on standard error
    }
}
