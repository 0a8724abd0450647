//! The real ETHUSDT tape, and tapes in every form a file may have.

use onetape_domain::message::Payload;
use onetape_domain::trade::TradeId;
use onetape_exchanges::TapeStats;
use onetape_ports::Feed;
use rust_decimal::Decimal;

use crate::data;
use crate::tapes::{self, Delivered, drain, gzip, lines, read, trade, zstd};

fn ids(delivered: &Delivered) -> Vec<i64> {
    let trades = delivered.messages.iter().filter_map(|message| match &message.payload {
        Payload::Trades(trades) => Some(trades),
        _ => None,
    });
    trades
        .flatten()
        .filter_map(|trade| if let TradeId::Numeric(id) = trade.id() { Some(*id) } else { None })
        .collect()
}

#[tokio::test]
async fn the_real_tape_has_the_known_content() {
    let Some(dir) = data::dir() else { return };
    let raw = dir.join("binance_spot_raw");
    let files: Vec<_> = ["ethusdt_20240808.gz", "ethusdt_20240809.gz"].map(|name| raw.join(name)).into();
    let sizes: u64 = files.iter().map(|file| file.metadata().expect("a file").len()).sum();
    let mut feed = tapes::open(files);
    assert_eq!(feed.progress(), (0, Some(sizes)));
    let delivered = drain(&mut feed, 1_000).await;
    assert_eq!(feed.progress(), (sizes, Some(sizes)));
    assert!(delivered.error.is_none() && delivered.quarantined.is_empty(), "{:?}", delivered.reasons());
    let expected = TapeStats {
        lines: 79_744,
        trades: 14_515,
        diffs: 3_434 + 3_036,
        snapshots: 1,
        tickers: 58_758,
        ..TapeStats::default()
    };
    assert_eq!(feed.stats(), expected);
    assert_eq!(feed.stats().messages(), delivered.messages.len() as u64);
    let named = |message: &onetape_domain::message::FeedMessage| {
        message.instrument.to_string() == "binance:ETH/USDT" && message.connection == 0
    };
    assert!(delivered.messages.iter().all(named));

    let ids = ids(&delivered);
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "ids are contiguous");
    let (mut volume, mut notional) = (Decimal::ZERO, Decimal::ZERO);
    for message in &delivered.messages {
        if let Payload::Trades(trades) = &message.payload {
            for trade in trades {
                volume += trade.size().get();
                notional += trade.size().get() * trade.price().get();
            }
        }
    }
    assert_eq!(volume.normalize().to_string(), "4272.7241");
    assert_eq!(notional.normalize().to_string(), "11454209.126352");
}

#[tokio::test]
async fn the_form_of_the_files_and_the_size_of_batches_change_nothing() {
    let messages: Vec<String> = (0..3_000).map(|id| trade("ETHUSDT", id)).collect();
    let text = lines(&messages);
    let half = text.len() / 2 + text[text.len() / 2..].find('\n').expect("lines") + 1;
    let (first, second) = text.as_bytes().split_at(half);
    let unaligned = text.as_bytes().split_at(half - 17);
    let folder = tapes::folder();
    let file = |name: &str, bytes: &[u8]| tapes::write(folder.path(), name, bytes);
    let plain = read(vec![file("plain", text.as_bytes())]).await;
    assert_eq!(ids(&plain), (0..3_000).collect::<Vec<i64>>());
    let two_members = [gzip(unaligned.0), gzip(unaligned.1)].concat();
    let two_frames = [zstd(unaligned.0), zstd(unaligned.1)].concat();
    // A skippable frame of three bytes, as pzstd writes it in front.
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(text.as_bytes())].concat();
    for files in [
        vec![file("a.gz", &gzip(text.as_bytes()))],
        vec![file("b.zst", &zstd(text.as_bytes()))],
        vec![file("wrong_name.txt", &gzip(text.as_bytes()))],
        vec![file("plain.gz", text.as_bytes())],
        vec![file("members.gz", &two_members)],
        vec![file("frames.zst", &two_frames)],
        vec![file("skippable.zst", &skippable)],
        vec![file("no_end", text.trim_end().as_bytes())],
        vec![file("1", first), file("empty", b""), file("2.gz", &gzip(second))],
    ] {
        let name = format!("{files:?}");
        for limit in [1, 7, 100_000] {
            let delivered = drain(&mut tapes::open(files.clone()), limit).await;
            assert!(delivered.error.is_none(), "{name}: {:?}", delivered.error);
            assert!(delivered.quarantined.is_empty(), "{name}: {:?}", delivered.reasons());
            assert!(delivered.messages == plain.messages, "{name} in batches of {limit}");
        }
    }
}

#[tokio::test]
async fn origins_have_the_files_name_only_and_lines_begin_anew_in_each() {
    let folder = tapes::folder();
    let file = |name| tapes::write(folder.path(), name, "\nbad\n");
    let delivered = read(vec![file("one.tape"), file("two.tape")]).await;
    let origins: Vec<_> = delivered.quarantined.iter().map(|record| record.origin.as_str()).collect();
    assert_eq!(origins, ["one.tape:2", "two.tape:2"]);
}

#[tokio::test]
async fn a_feed_shows_its_files_and_counts() {
    let folder = tapes::folder();
    let text =
        format!("{}\nnonsense\n", lines(&[trade("ETHUSDT", 1), r#"{"result":null,"id":1}"#.to_owned()]));
    let mut feed = tapes::open(vec![tapes::write(folder.path(), "some.tape", text)]);
    assert_eq!(feed.to_string(), "tape some.tape");
    drain(&mut feed, 10).await;
    let expected =
        TapeStats { lines: 4, blank: 1, trades: 1, ignored: 1, quarantined: 1, ..TapeStats::default() };
    assert_eq!(feed.stats(), expected);
}
