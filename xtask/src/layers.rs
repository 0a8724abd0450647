//! `cargo xtask layers`: dependencies between the workspace's crates point inwards only.

mod rules;

use anyhow::{Context, Result};
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand};

pub use rules::{Kind, Layer};

use crate::workspace;

/// One crate depending on another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The crate that depends.
    pub from: String,
    /// Its layer, or None where its folder belongs to none.
    pub layer: Option<Layer>,
    /// The crate depended on.
    pub to: String,
    /// That crate's layer, where it is of this workspace.
    pub to_layer: Option<Layer>,
    /// Whether tests only.
    pub kind: Kind,
}

/// Every edge of the workspace that the rules forbid, in words.
pub fn check_workspace() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .no_deps()
        .exec()
        .context("cannot read the workspace's metadata")?;
    Ok(edges(&metadata)?.iter().filter_map(check).collect())
}

/// What is wrong with one edge, in words.
pub fn check(edge: &Edge) -> Option<String> {
    let Edge { from, layer, to, to_layer, kind } = edge;
    let Some(layer) = layer else {
        return Some(format!("{from}: its folder belongs to no layer; add one to xtask/src/layers/rules.rs"));
    };
    let allowed = match to_layer {
        Some(to_layer) => layer.may_use(*to_layer, *kind),
        None => layer.may_use_outside(to, *kind),
    };
    let tests = if *kind == Kind::Test { " for its tests" } else { "" };
    (!allowed).then(|| format!("{from} ({layer:?}) depends on {to}{tests}: {}", layer.rule()))
}

fn edges(metadata: &Metadata) -> Result<Vec<Edge>> {
    let packages = metadata.workspace_packages();
    let layer_of = |name: &str| -> Option<Layer> {
        let package = packages.iter().find(|package| package.name.as_str() == name)?;
        let folder = package.manifest_path.parent()?.strip_prefix(&metadata.workspace_root).ok()?;
        Layer::of_folder(folder.as_str())
    };
    let mut edges = Vec::new();
    for package in &packages {
        for dependency in &package.dependencies {
            let kind = match dependency.kind {
                DependencyKind::Development => Kind::Test,
                DependencyKind::Normal | DependencyKind::Build => Kind::Build,
                other => anyhow::bail!(
                    "{} depends on {} in an unknown way: {other:?}",
                    package.name,
                    dependency.name
                ),
            };
            edges.push(Edge {
                from: package.name.to_string(),
                layer: layer_of(&package.name),
                to: dependency.name.clone(),
                to_layer: layer_of(&dependency.name),
                kind,
            });
        }
    }
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_layers() {
        let found = check_workspace().unwrap();
        assert!(found.is_empty(), "forbidden dependencies:\n{}", found.join("\n"));
    }

    #[test]
    fn the_workspace_has_edges_to_check() {
        let metadata = MetadataCommand::new()
            .manifest_path(workspace::root().join("Cargo.toml"))
            .no_deps()
            .exec()
            .unwrap();
        let edges = edges(&metadata).unwrap();
        let ours = |edge: &&Edge| edge.from == "xtask" && edge.to == "onetape-testdb";
        let edge = edges.iter().find(ours).unwrap();
        assert_eq!(
            (edge.layer, edge.to_layer, edge.kind),
            (Some(Layer::Xtask), Some(Layer::Testdb), Kind::Build)
        );
        let outside = edges.iter().find(|edge| edge.from == "xtask" && edge.to == "anyhow").unwrap();
        assert_eq!(outside.to_layer, None);
    }

    #[test]
    fn a_forbidden_edge_is_named_with_its_rule() {
        let edge = Edge {
            from: "onetape-provider".into(),
            layer: Some(Layer::App),
            to: "onetape-timescale".into(),
            to_layer: Some(Layer::Adapter),
            kind: Kind::Build,
        };
        assert_eq!(
            check(&edge).as_deref(),
            Some(
                "onetape-provider (App) depends on onetape-timescale: app crates use domain and ports, never an adapter"
            )
        );
        assert_eq!(check(&Edge { kind: Kind::Test, ..edge }), None);
    }

    /// Names of the crates that a build of the facade compiles.
    fn compiled(features: &[&str]) -> Vec<String> {
        let output = std::process::Command::new(env!("CARGO"))
            .current_dir(workspace::root())
            .args(["tree", "--locked", "--package", "onetape", "--edges", "normal,build", "--prefix", "none"])
            .args(["--format", "{p}", "--no-default-features"])
            .args(features)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }

    #[test]
    fn arrow_is_built_by_those_who_ask_for_it() {
        let arrow = |name: &&String| name.starts_with("arrow-") || name.contains("parquet");
        for features in [&[][..], &["--features", "default"], &["--features", "sqlite"]] {
            assert_eq!(compiled(features).iter().find(arrow), None, "{features:?}");
        }
        let batches = compiled(&["--features", "arrow"]);
        assert!(batches.iter().any(|name| name == "arrow-array"));
        assert!(!batches.iter().any(|name| name == "parquet" || name == "arrow-ipc"), "files are `export`");
        assert!(compiled(&["--features", "export"]).iter().any(|name| name == "parquet"));
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        let edge =
            Edge { from: "new".into(), layer: None, to: "serde".into(), to_layer: None, kind: Kind::Build };
        assert!(check(&edge).unwrap().contains("belongs to no layer"));
    }
}
