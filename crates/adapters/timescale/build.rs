//! Rebuilds the crate when a migration is added: `sqlx::migrate!` embeds the folder but cannot watch it.

fn main() {
    // The only way to speak to cargo is its standard output.
    {
        println!("cargo:rerun-if-changed=migrations");
    }
}
