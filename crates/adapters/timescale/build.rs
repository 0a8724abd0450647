//! Rebuilds the crate when a migration is added: `sqlx::migrate!` embeds the folder but cannot watch it.

fn main() {
    // The only way to speak to cargo is its standard output.
    #[expect(clippy::print_stdout, reason = "a build script's output is its interface")]
    {
        println!("cargo:rerun-if-changed=migrations");
    }
}
