//! Names as they are found, and any text.

use onetape_domain::instrument::Exchange;
use onetape_domain::manifest::Left;
use proptest::prelude::*;

use super::*;

fn naming() -> Naming {
    Naming::new(Exchange::binance())
}

fn resolved(naming: &Naming, path: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    match naming.resolve(path, &names) {
        Ok((instrument, timeframe)) => format!("{instrument} {timeframe}"),
        Err(unclear) => format!("{:?}: {unclear}", unclear.why),
    }
}

#[test]
fn names_of_caches_are_understood() {
    for (path, names, expected) in [
        ("ETHUSDT_1m.parquet", &[][..], "binance:ETH/USDT 1m"),
        ("pandas-1.5.3/ETHUSDT_1m.p4.pkl", &[], "binance:ETH/USDT 1m"),
        ("ETHUSDT_1m_list.pkl", &[], "binance:ETH/USDT 1m"),
        ("binance_ETHUSDT_5m.parquet", &[], "binance:ETH/USDT 5m"),
        ("kraken_ETHUSDT_5m.parquet", &[], "kraken:ETH/USDT 5m"),
        ("dirty/exact_duplicates_10/ETHUSDT_1s.parquet", &[], "binance:ETH/USDT 1s"),
        ("BTCUSD_1d.parquet", &[], "binance:BTC/USD 1d"),
        ("BTCBUSD_1m.pkl", &[], "binance:BTC/BUSD 1m"),
        ("ohlcv_cache.pkl", &["ETH/USDT", "1m"], "binance:ETH/USDT 1m"),
        ("mine.pkl", &["ETHUSDT", "1m"], "binance:ETH/USDT 1m"),
        ("mine.pkl", &["kraken:ETH/USDT 1h"], "kraken:ETH/USDT 1h"),
        ("mine.pkl", &["BTC/USDT:USDT", "15m"], "binance:BTC/USDT:USDT 15m"),
        ("cache_1m.pkl", &["ETHUSDT"], "binance:ETH/USDT 1m"),
        ("coinbase_candles/second/btcusd/20161007_trade.zip", &[], "coinbase:BTC/USD 1s"),
        ("minute/btcusd/20161007_trade.zip", &["20161007_btcusd_minute_trade.csv"], "binance:BTC/USD 1m"),
        ("coinbase_candles/daily/btcusd_trade.zip", &["btcusd.csv"], "coinbase:BTC/USD 1d"),
        ("data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2023-01-31.zip", &[], "binance:BTC/USDT 1m"),
        ("daily/klines/BTCUSDT/1m/2023-01-31.csv", &[], "binance:BTC/USDT 1m"),
        ("okx/BTC_USDT-5m.feather", &[], "okx:BTC/USDT 5m"),
        ("WBTC_USDT_1h.csv.gz", &[], "binance:WBTC/USDT 1h"),
        ("eth-usd 60min.json", &[], "binance:ETH/USD 1h"),
        ("1000SHIBUSDT_1D.parquet", &[], "binance:1000SHIB/USDT 1d"),
        ("ETHUSDT_1m_1502928000000-1589241600000.json", &[], "binance:ETH/USDT 1m"),
    ] {
        assert_eq!(resolved(&naming(), path, names), expected, "{path} {names:?}");
    }
}

#[test]
fn what_is_not_clear_is_asked_for() {
    for (path, names, said) in [
        ("ETHUSDT.parquet", &[][..], "Ambiguous: its name says no timeframe: say it in a mapping"),
        ("mine.pkl", &[], "Ambiguous: its name says no instrument"),
        ("foo_ETHUSDT_1m.parquet", &[], "`foo` in its name is not understood"),
        ("ETHUSDT_3m.parquet", &[], "Unsupported: its period 3m is none of"),
        ("ETHUSDT_1M.parquet", &[], "Unsupported: its period 1M is none of"),
        ("ETHUSDT_240927_1m.parquet", &[], "`240927` in its name is not understood"),
        ("BTCUSDT_PERP_1m.parquet", &[], "`PERP` in its name may mean a market other than spot"),
        ("BTC_USDT_USDT-5m-futures.feather", &[], "`futures` in its name may mean a market other than spot"),
        ("ADAEUR_1m.parquet", &[], "`ADAEUR` may be quoted in EUR or in AEUR"),
        ("kraken/binance_ETHUSDT_1m.parquet", &[], "its names say two exchanges, binance and kraken"),
        ("ETHUSDT_1m.pkl", &["BTCUSDT"], "its names say two instruments, BTC/USDT and ETH/USDT"),
        ("ETHUSDT_1m_5m.pkl", &[], "its name says two timeframes, 1m and 5m"),
        ("minute/daily/ETHUSDT.csv", &[], "its names say two timeframes, 1d and 1m"),
        ("XBTUSX_1m.parquet", &[], "its name says no instrument"),
        ("", &[], "its name says no instrument"),
    ] {
        let found = resolved(&naming(), path, names);
        assert!(found.contains(said), "{path} {names:?}: {found}");
    }
    let long = format!("{}/ETHUSDT_1m.parquet", "x".repeat(MAX_PATH_BYTES));
    assert!(resolved(&naming(), &long, &[]).contains("is longer than"));
}

#[test]
fn a_mapping_answers() {
    let mapping = Mapping::parse(
        r#"
        [[table]]
        path = "mine.pkl"
        name = "main/minutes"
        instrument = "kraken:BTC/USD"
        timeframe = "1m"

        [[table]]
        path = "old/"
        instrument = "okx:ETH/USDT:USDT"
        timeframe = "1h"

        [symbols]
        XBTUSX = "BTC/USX"
        "#,
    );
    let naming = Naming { mapping: mapping.expect("a mapping"), ..naming() };
    for (path, names, expected) in [
        ("mine.pkl", &["main", "minutes"][..], "kraken:BTC/USD 1m"),
        ("old/a/b.csv", &[], "okx:ETH/USDT:USDT 1h"),
        ("XBTUSX_5m.parquet", &[], "binance:BTC/USX 5m"),
    ] {
        assert_eq!(resolved(&naming, path, names), expected, "{path}");
    }
    assert!(resolved(&naming, "mine.pkl", &["main", "hours"]).contains("no instrument"));
    for wrong in ["[[table]]\npath = \"a\"", "[symbols]\nA = \"B\"", "[other]"] {
        assert!(Mapping::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_pattern_says_how_paths_are_built() {
    let with = |text: &str| Naming { pattern: Some(text.parse().expect("a pattern")), ..naming() };
    for (pattern, path, expected) in [
        ("cache_{symbol}_{timeframe}.{*}", "cache_ETHUSDT_1m.p4.pkl", "binance:ETH/USDT 1m"),
        (
            "{exchange}/{*}/{symbol}/{timeframe}-{date}.{*}",
            "mine/x/y/eth-usdt/1h-2023-01-31.csv",
            "mine:ETH/USDT 1h",
        ),
        ("{timeframe}.{symbol}.{*}", "minute.BTC_USDT.csv", "binance:BTC/USDT 1m"),
        // It does not fit, so names are understood as usual.
        ("cache_{symbol}_{timeframe}.{*}", "ETHUSDT_5m.pkl", "binance:ETH/USDT 5m"),
    ] {
        assert_eq!(resolved(&with(pattern), path, &[]), expected, "{pattern} {path}");
    }
    let twice = resolved(&with("{*}{symbol}_{timeframe}.{*}"), "ETHUSDT_1m.pkl", &[]);
    assert!(twice.contains("more than one way to read its path"), "{twice}");
    for wrong in ["", "{*}", "{symbol", "{coin}_{timeframe}", "{date}.csv"] {
        assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_is_understood_or_asked_for(path in ".{0,80}", names in proptest::collection::vec(".{0,20}", 0..4)) {
        match naming().resolve(&path, &names) {
            Ok(_) => {}
            Err(unclear) => prop_assert!(matches!(unclear.why, Left::Ambiguous | Left::Unsupported)),
        }
    }

    #[test]
    fn any_pattern_and_path_end(pattern in "[{}a-z_/*]{0,40}", path in "[a-zA-Z0-9_/.]{0,200}") {
        if let Ok(pattern) = pattern.parse() {
            let _ = Naming { pattern: Some(pattern), ..naming() }.resolve(&path, &[]);
        }
        let pattern = "{*}{exchange}{*}{symbol}{*}{timeframe}{*}".parse().ok();
        let _ = Naming { pattern, ..naming() }.resolve(&path, &[]);
    }

    #[test]
    fn every_way_to_write_an_instrument_means_the_same(
        base in "[B-Z][A-Z]{1,4}",
        quote in prop::sample::select(vec!["USDT", "USD", "BTC", "EUR", "FDUSD"]),
        timeframe in prop::sample::select(Timeframe::ALL.to_vec()),
        exchange in prop::sample::select(vec!["binance", "kraken", "okx"]),
    ) {
        prop_assume!(!base.ends_with('A') && words::exchange(&base).is_none() && !words::is_idle(&base));
        prop_assume!(!words::is_of_other_market(&base) && !words::is_quote(&base) && words::period(&base).is_none());
        // Of a native name a longer quote may be the right one.
        prop_assume!(!words::quotes().iter().any(|other| format!("{base}{quote}").ends_with(other) && other.len() > quote.len()));
        let expected = format!("{exchange}:{base}/{quote} {timeframe}");
        for path in [
            format!("{exchange}_{base}{quote}_{timeframe}.parquet"),
            format!("{exchange}/{base}-{quote}_{timeframe}.pkl"),
            format!("{exchange}/{}/{timeframe}/20240809_trade.zip", format!("{base}{quote}").to_lowercase()),
            format!("{exchange}/{base}_{quote}-{timeframe}.feather"),
        ] {
            prop_assert_eq!(resolved(&naming(), &path, &[]), expected.clone(), "{}", path);
        }
        let name = format!("{exchange}:{base}/{quote}");
        prop_assert_eq!(resolved(&naming(), "any.pkl", &[&name, timeframe.as_str()]), expected);
    }
}
