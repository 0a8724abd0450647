//! Every column is explained in `docs/EXPORT.md`, under its table.

use std::path::Path;

use onetape_arrow::arrow_schema::SchemaRef;
use onetape_arrow::{Decimals, Encoder, Notes, Table, tables};

fn schema<R>(table: &'static Table<R>) -> SchemaRef {
    assert!(
        table.name() == "indicators" || fields(table).contains(&table.time_column().to_owned()),
        "{} has no column {}",
        table.name(),
        table.time_column()
    );
    Encoder::new(table, Decimals::Exact, &[], &Notes::default()).schema().clone()
}

fn fields<R>(table: &'static Table<R>) -> Vec<String> {
    let encoder = Encoder::new(table, Decimals::Exact, &[], &Notes::default());
    encoder.schema().fields().iter().map(|field| field.name().clone()).collect()
}

#[test]
fn every_column_is_in_the_documentation_with_its_nulls() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/EXPORT.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (heading, schema) in [
        ("**`candles`**", schema(&tables::CANDLES)),
        ("**`candle-versions`**", schema(&tables::VERSIONS)),
        ("**`trades`**", schema(&tables::TRADES)),
        ("**`books`**", schema(&tables::BOOKS)),
        ("**`buckets`**", schema(&tables::BUCKETS)),
        ("**`imbalances`**", schema(&tables::IMBALANCES)),
        ("**`coverage`**", schema(&tables::COVERAGE)),
        ("The section `indicators`", schema(&tables::INDICATORS)),
    ] {
        let start = text.find(heading).unwrap_or_else(|| panic!("no {heading}"));
        let mut section = text[start..].split("\n\n").next().unwrap_or_default().to_owned();
        if heading.contains("versions") {
            // It refers to the columns of candles.
            let candles = text.find("**`candles`**").expect("candles");
            section.push_str(text[candles..].split("\n\n").next().unwrap_or_default());
        }
        for field in schema.fields().iter().filter(|field| field.name() != "instrument") {
            let name = format!("`{}`", field.name());
            let at = section.find(&name).unwrap_or_else(|| panic!("{heading} does not mention {name}"));
            let marked = section[at + name.len()..].starts_with('?');
            assert_eq!(marked, field.is_nullable(), "{heading} {name}: null or not");
        }
    }
}
