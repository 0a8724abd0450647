//! Fuzz targets of what names, patterns and mappings say: outsiders choose the names of files.
//!
//! Under `cargo test` each runs a moment on random input. For longer:
//! `BOLERO_RANDOM_TEST_TIME_MS=600000 cargo test --release -p onetape-migration --test fuzz`.

use bolero::check;
use onetape_domain::instrument::{Exchange, Instrument};
use onetape_domain::time::Timeframe;
use onetape_migration::{MAX_PATH_BYTES, Mapping, Naming, Pattern};

/// Pieces of names: random bytes alone seldom say anything.
const PIECES: [&str; 40] = [
    "ETHUSDT",
    "BTC",
    "USD",
    "USDT",
    "1000SHIB",
    "binance",
    "coinbase",
    "kraken",
    "1m",
    "5m",
    "1h",
    "1d",
    "1s",
    "4h",
    "minute",
    "daily",
    "second",
    "trade",
    "ohlcv",
    "candles",
    "20240808",
    "2024-08-08",
    "PERP",
    "SWAP",
    "_",
    "_",
    "-",
    "-",
    "/",
    "/",
    ".",
    ".parquet",
    ".p5.pkl",
    ".csv.gz",
    ":",
    " ",
    "{symbol}",
    "{timeframe}",
    "{*}",
    "é",
];

/// A name put together: a byte below 200 picks a piece, one above stands for itself.
fn compose(seed: &[u8]) -> String {
    let piece = |byte: &u8| match PIECES.get(usize::from(*byte) / 5) {
        Some(piece) => (*piece).to_owned(),
        None => char::from(byte.wrapping_mul(7)).to_string(),
    };
    seed.iter().map(piece).collect()
}

fn naming() -> Naming {
    Naming::new(Exchange::binance())
}

/// What is understood must be something that can be stored and named again.
fn assert_sound(naming: &Naming, path: &str, names: &[String]) {
    let Ok((instrument, timeframe)) = naming.resolve(path, names) else { return };
    assert!(path.len() <= MAX_PATH_BYTES, "a path of {} bytes was understood", path.len());
    assert_eq!(instrument.to_string().parse::<Instrument>().ok().as_ref(), Some(&instrument), "{path}");
    assert_eq!(naming.resolve(path, names).ok(), Some((instrument, timeframe)), "{path}: another answer");
}

#[test]
fn names() {
    check!().with_type::<(Vec<u8>, Vec<Vec<u8>>)>().for_each(|(path, names)| {
        let naming = naming();
        let texts: Vec<String> = names.iter().map(|name| compose(name)).collect();
        assert_sound(&naming, &compose(path), &texts);
        assert_sound(&naming, &String::from_utf8_lossy(path), &texts);
    });
}

#[test]
fn patterns() {
    check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(pattern, path)| {
        let (pattern, path) = (compose(pattern), compose(path));
        let Ok(pattern) = pattern.parse::<Pattern>() else { return };
        assert_sound(&Naming { pattern: Some(pattern), ..naming() }, &path, &[]);
    });
}

#[test]
fn mappings() {
    check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(path, rest)| {
        // Any text is a mapping or an error.
        let _ = Mapping::parse(&compose(rest));
        let path = compose(path);
        // As a text of TOML, where a control character is written as an escape.
        let quoted: String = path.chars().map(|letter| format!("\\U{:08X}", u32::from(letter))).collect();
        let text =
            format!("[[table]]\npath = \"{quoted}\"\ninstrument = \"kraken:BTC/USD\"\ntimeframe = \"1h\"");
        let mapping = Mapping::parse(&text).expect("a mapping");
        let said = Naming { mapping, ..naming() }.resolve(&path, &[compose(rest)]);
        // What the user says counts, whatever the names say; a path that ends with / is a folder.
        if path.len() <= MAX_PATH_BYTES && rest.len() < 60 && !path.is_empty() {
            let said = said.expect("it was said");
            assert_eq!((said.0.to_string().as_str(), said.1), ("kraken:BTC/USD", Timeframe::H1), "{path}");
        }
    });
}
