"""Writes the same candles as many kinds of pickle, Parquet file, JSON and lines, and what a reader must find in all of them.

    write_caches.py FOLDER
"""

import datetime
import decimal
import json
import pathlib
import pickle
import random
import sys

import numpy as np
import pandas as pd

ROWS = 500
folder = pathlib.Path(sys.argv[1])
random.seed(20240809)
times = pd.date_range("2024-08-09", periods=ROWS, freq="min", tz="UTC").as_unit("ns")


def candle():
    # Numbers with few and many digits, very small ones among them.
    low = random.choice([random.uniform(1e-7, 1e-6), random.uniform(0.1, 1), random.uniform(1, 70_000)])
    low = round(low, random.choice([8, 10, 12]))
    prices = sorted(round(low * random.uniform(1, 1.01), 12) for _ in range(3))
    return prices[1], max(prices), low, prices[0], round(random.uniform(0, 1e4), random.randint(0, 8)), random.randint(0, 5_000)


NAMES = ["open", "high", "low", "close", "volume", "trade_count"]
base = pd.DataFrame([candle() for _ in range(ROWS)], columns=NAMES)
plain = base.copy()
plain.insert(0, "timestamp", times)
indexed = base.copy()
indexed.index = pd.DatetimeIndex(times, name="timestamp")


def with_times(values, name="timestamp"):
    frame = base.copy()
    frame.insert(0, name, values)
    return frame


def exact(value):
    return decimal.Decimal(repr(value))


text = base.astype(str)
text.insert(0, "open_time", [time.isoformat() for time in times])
objects = base.astype(object)
objects.insert(0, "timestamp", [time.to_pydatetime() for time in times])
stamps = base.copy()
stamps.insert(0, "timestamp", pd.Series(list(times), dtype=object))
decimals = base.map(exact)
decimals.insert(0, "timestamp", times)
zoned = with_times(times.tz_convert("America/New_York"))
several = indexed.copy()
several.index = pd.MultiIndex.from_arrays([["ETH/USDT"] * ROWS, times], names=["symbol", "timestamp"])
more = plain.assign(source="binance", flag=True, rsi=np.nan, kind=pd.Categorical(["a", "b"] * (ROWS // 2)))
records = plain.to_dict("records")
frames = {
    "plain": plain,
    "indexed": indexed,
    "unnamed": indexed.rename_axis(None),
    "naive": with_times(times.tz_localize(None)),
    "zoned": zoned,
    "seconds": with_times(times.as_unit("s").asi8, "ts"),
    "millis": with_times(times.as_unit("ms").asi8, "Open time"),
    "micros": with_times(times.as_unit("us").asi8, "time"),
    "nanos": with_times(times.asi8, "t"),
    "unit_s": with_times(times.as_unit("s")),
    "unit_ms": with_times(times.as_unit("ms")),
    "text": text,
    "decimals": decimals,
    "shuffled": plain[["close", "timestamp", "low", "volume", "high", "trade_count", "open"]],
    "strided": plain.reindex(plain.index.repeat(2)).iloc[::2],
    "nullable": plain.convert_dtypes(),
    "arrow": plain.convert_dtypes(dtype_backend="pyarrow"),
    "more": more,
}
only_pickled = {
    "objects": objects,
    "stamps": stamps,
    "several": several,
    "records": records,
    "datetimes": [{**row, "timestamp": row["timestamp"].to_pydatetime()} for row in records],
    "offsets": [
        {**row, "timestamp": row["timestamp"].to_pydatetime().astimezone(datetime.timezone(datetime.timedelta(hours=5.5)))}
        for row in records
    ],
    "numpy": [{name: (np.float64(v) if isinstance(v, float) else v) for name, v in row.items()} for row in records],
    "columns": plain.to_dict("list"),
    "arrays": {name: plain[name].to_numpy() for name in plain},
    "by_time": {int(time.timestamp()): row for time, row in zip(times, base.to_dict("records"))},
    "structured": plain.assign(timestamp=times.tz_localize(None)).to_records(index=False),
    "named": {"ETHUSDT_1m": plain},
    "nested": {"ETH/USDT": {"1m": indexed}},
    "pairs": {("ETHUSDT", "1m"): records},
}
# Lists of lists have no names and no number of trades.
ccxt = [[int(time.timestamp() * 1000), *row[:5]] for time, row in zip(times, base.itertuples(index=False))]
positional = {"ccxt": ccxt, "matrix": np.array(ccxt), "fortran": np.asfortranarray(np.array(ccxt))}

files = []
for name, value in {**frames, **only_pickled, **positional}.items():
    for protocol in (2, 3, 4, 5):
        file = f"{name}.p{protocol}.pkl"
        (folder / file).write_bytes(pickle.dumps(value, protocol=protocol))
        files.append({"file": file, "counts": name not in positional})
for name, frame in frames.items():
    for codec in ("snappy", "gzip", "zstd", "brotli", None):
        file = f"{name}.{codec}.parquet"
        frame.to_parquet(folder / file, compression=codec, row_group_size=200)
        files.append({"file": file, "counts": True})
    for codec in ("lz4", "zstd", "uncompressed"):
        file = f"{name}.{codec}.feather"
        whole = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index(drop=name == "strided")
        whole.to_feather(folder / file, compression=codec, chunksize=200)
        files.append({"file": file, "counts": True})
for name, options in {
    "int96": {"use_deprecated_int96_timestamps": True},
    "millis": {"coerce_timestamps": "ms"},
    "old": {"version": "1.0", "data_page_version": "1.0"},
    "new": {"version": "2.6", "data_page_version": "2.0"},
    "bare": {"store_schema": False},
    "delta": {"use_dictionary": False, "column_encoding": {"trade_count": "DELTA_BINARY_PACKED"}},
    "split": {"use_dictionary": False, "use_byte_stream_split": ["open", "close"]},
}.items():
    file = f"plain.{name}.parquet"
    plain.to_parquet(folder / file, **options)
    files.append({"file": file, "counts": True})

# Text of Python, so that a float is its shortest decimal; pandas' own JSON would round.
said = plain.assign(timestamp=[time.isoformat() for time in times])
texts = {
    "records.json": json.dumps(said.to_dict("records")),
    "indented.json": json.dumps(said.to_dict("records"), indent=4),
    "lines.json": "\n".join(json.dumps(row) for row in said.to_dict("records")),
    "split.json": json.dumps(said.to_dict("split")),
    "index.json": json.dumps(base.set_index(times.as_unit("ms").asi8).to_dict()),
    "named.csv": said.to_csv(index=False),
    "semicolons.csv": said.to_csv(index=False, sep=";"),
    "indexed.csv": indexed.to_csv(),
    "numbered.csv": said.to_csv(),
}
for file, text_of in texts.items():
    (folder / file).write_text(text_of)
    files.append({"file": file, "counts": True})
(folder / "ccxt.json").write_text(json.dumps(ccxt))
files.append({"file": "ccxt.json", "counts": False})
(folder / "ccxt.csv").write_text("\n".join(",".join(map(repr, row)) for row in ccxt))
files.append({"file": "ccxt.csv", "counts": False})

rows = [
    [int(time.value // 1000), *(format(exact(value), "f") for value in row[:5]), int(row[5])]
    for time, row in zip(times, base.itertuples(index=False))
]
(folder / "expected.json").write_text(json.dumps({"files": files, "rows": rows}))
print(f"pandas {pd.__version__}: {len(files)} files")
