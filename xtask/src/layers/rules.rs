//! The layers, and who may use whom.

use Layer::{Adapter, App, Cli, Domain, Facade, Ports, Server, Simulator, Testdb, Testkit, Xtask};

/// Where a crate stands. Dependencies point from the outside in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Models, validation and pure state machines.
    Domain,
    /// The traits between the application and the world.
    Ports,
    /// One implementation of ports: a store, a cache, a feed.
    Adapter,
    /// A use case: reading, writing, migrating.
    App,
    /// The crate that others depend on.
    Facade,
    /// The HTTP server.
    Server,
    /// The command line.
    Cli,
    /// Conformance suite, fault injection, generators.
    Testkit,
    /// A venue on loopback, and what stands between a client and a server.
    Simulator,
    /// A real database for tests.
    Testdb,
    /// Developer tasks.
    Xtask,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The crate itself, or its build script.
    Build,
    /// Its tests, benches and examples.
    Test,
}

/// Crates of Arrow and Parquet: what is built on the inner layers must not have to build them.
fn is_arrow(name: &str) -> bool {
    name == "parquet" || name == "arrow" || name.starts_with("arrow-")
}

/// Crates that bring I/O or a runtime, which the innermost layer does without.
const NOT_IN_DOMAIN: &[&str] = &["tokio", "sqlx", "tracing", "async-trait", "futures", "reqwest", "axum"];

impl Layer {
    /// The layer that a crate's folder, relative to the workspace, belongs to.
    pub fn of_folder(folder: &str) -> Option<Self> {
        let parts: Vec<&str> = folder.split('/').collect();
        Some(match parts.as_slice() {
            ["crates", "domain"] => Domain,
            ["crates", "ports"] => Ports,
            ["crates", "adapters", _] => Adapter,
            ["crates", "app", _] => App,
            ["crates", "onetape"] => Facade,
            ["crates", "server"] => Server,
            ["crates", "cli"] => Cli,
            ["crates", "testkit"] => Testkit,
            ["crates", "simulator"] => Simulator,
            ["crates", "testdb"] => Testdb,
            ["xtask"] => Xtask,
            _ => return None,
        })
    }

    /// Whether this layer may depend on a crate of another.
    pub fn may_use(self, other: Self, kind: Kind) -> bool {
        let built = match self {
            Domain | Testdb => false,
            Ports => other == Domain,
            Adapter | App | Testkit => matches!(other, Domain | Ports),
            Simulator => matches!(other, Domain | Ports | Testkit),
            // The testkit's generators are what `onetape demo` shows.
            Facade => matches!(other, Domain | Ports | Adapter | App | Testkit),
            Server | Cli => matches!(other, Domain | Ports | Adapter | App | Testkit | Facade | Server),
            Xtask => other != Xtask,
        };
        // A real database under the testkit's own cases would tie them to one store.
        let tested = match other {
            Testkit => true,
            Simulator => !matches!(self, Domain | Ports | Testkit),
            Testdb => !matches!(self, Domain | Ports | Testkit),
            // A soak is the whole against the simulator.
            Facade => self == Simulator,
            Adapter => matches!(self, App | Simulator),
            _ => false,
        };
        built || (kind == Kind::Test && tested)
    }

    /// Whether this layer may depend on a crate from outside the workspace.
    pub fn may_use_outside(self, name: &str, kind: Kind) -> bool {
        match (self, kind) {
            // Columns are one adapter's business.
            (layer, Kind::Build) if is_arrow(name) => layer == Adapter,
            (Domain, Kind::Build) => !NOT_IN_DOMAIN.contains(&name),
            (Testkit | Simulator, Kind::Build) => name != "sqlx",
            _ => true,
        }
    }

    /// The rule in words.
    pub fn rule(self) -> &'static str {
        match self {
            Domain => "domain uses no other onetape crate, no runtime, no I/O and no logging",
            Ports => "ports uses domain only",
            Adapter => "adapters use domain and ports, never one another",
            App => "app crates use domain and ports, never an adapter",
            Facade => "the facade uses anything but testdb and what is built on it, and Arrow by its adapter",
            Server | Cli => "it uses anything but testdb, and Arrow by its adapter",
            Testkit => "testkit uses domain and ports, and no sqlx",
            Simulator => "the simulator uses domain, ports and testkit, and no sqlx",
            Testdb => "testdb knows no other onetape crate",
            Xtask => "nothing to depend on there",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_layers() {
        assert_eq!(Layer::of_folder("crates/adapters/timescale"), Some(Adapter));
        assert_eq!(Layer::of_folder("crates/adapters/sqlite"), Some(Adapter));
        assert_eq!(Layer::of_folder("crates/adapters/arrow"), Some(Adapter));
        assert_eq!(Layer::of_folder("crates/app/provider"), Some(App));
        assert_eq!(Layer::of_folder("crates/onetape"), Some(Facade));
        assert_eq!(Layer::of_folder("crates/adapters"), None);
        assert_eq!(Layer::of_folder("somewhere/else"), None);
    }

    #[test]
    fn nothing_points_outwards() {
        for (from, to) in [
            (Domain, Ports),
            (Ports, Adapter),
            (Adapter, Adapter),
            (Adapter, App),
            (App, Adapter),
            (App, App),
            (App, Facade),
            (Facade, Cli),
            (Testkit, Adapter),
            (Testdb, Domain),
            (Cli, Testdb),
            (App, Testkit),
            (Facade, Testdb),
            (Adapter, Simulator),
            (Cli, Simulator),
            (Simulator, Facade),
        ] {
            assert!(!from.may_use(to, Kind::Build), "{from:?} -> {to:?}");
        }
    }

    #[test]
    fn tests_may_use_the_crates_for_tests() {
        assert!(Adapter.may_use(Testkit, Kind::Test) && Adapter.may_use(Testdb, Kind::Test));
        assert!(!Adapter.may_use(Testkit, Kind::Build) && !Adapter.may_use(Adapter, Kind::Test));
        assert!(App.may_use(Adapter, Kind::Test));
        assert!(Domain.may_use(Testkit, Kind::Test) && !Domain.may_use(Testdb, Kind::Test));
        assert!(Adapter.may_use(Simulator, Kind::Test) && !Domain.may_use(Simulator, Kind::Test));
        assert!(Simulator.may_use(Facade, Kind::Test) && !Testkit.may_use(Facade, Kind::Test));
    }

    #[test]
    fn the_domain_is_pure() {
        assert!(!Domain.may_use_outside("tokio", Kind::Build) && Domain.may_use_outside("tokio", Kind::Test));
        assert!(Domain.may_use_outside("chrono", Kind::Build) && Ports.may_use_outside("tokio", Kind::Build));
        assert!(!Testkit.may_use_outside("sqlx", Kind::Build));
    }
    #[test]
    fn columns_are_an_adapters_business() {
        for name in ["arrow-array", "arrow", "parquet"] {
            assert!(Adapter.may_use_outside(name, Kind::Build));
            for layer in [Domain, Ports, App, Testkit, Facade, Cli] {
                assert!(!layer.may_use_outside(name, Kind::Build), "{layer:?} {name}");
            }
        }
        assert!(Facade.may_use_outside("parquet", Kind::Test));
    }
}
