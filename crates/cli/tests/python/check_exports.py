"""Opens exported files with pyarrow, pandas, polars and DuckDB, and compares types and values with what
`onetape query` prints of the same rows.

    check_exports.py FOLDER

FOLDER holds, for each table T of TABLES, `T.parquet`, `T.arrow` and `T.csv`, `T.float.parquet` with doubles, and
`T.json`, the rows as canonical JSON; `T.days/` is divided by day. Where a table has no query of rows there is no JSON,
and CSV is the measure. Each comparison is exact: decimals digit for digit, times to the microsecond.
"""

import csv
import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.feather as paf
import pyarrow.parquet as pq

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)

# Kinds of columns: what a value must be in Python, and how it is written as text.
TIME, AMOUNT, RATIO, INT, NAME, TEXT, FLAG, LEVELS, MIDDLE = "time amount ratio int name text flag levels middle".split()

CANDLE = {
    "instrument": NAME, "timeframe": NAME, "open_time": TIME, "close_time": TIME, "open": AMOUNT, "high": AMOUNT,
    "low": AMOUNT, "close": AMOUNT, "volume": AMOUNT, "taker_buy_volume": AMOUNT, "trade_count": INT, "state": NAME,
    "first_trade_time": TIME, "first_trade_sequence": INT, "first_trade_index": INT, "last_trade_time": TIME,
    "last_trade_sequence": INT, "last_trade_index": INT, "revision": INT, "known_from": TIME,
}
TABLES = {
    "candles_1m": CANDLE,
    "candle_versions_1s": {**CANDLE, "known_to": TIME},
    "trades": {
        "instrument": NAME, "event_time": TIME, "sequence": INT, "index": INT, "trade_id": TEXT, "price": AMOUNT,
        "size": AMOUNT, "side": NAME, "first_id": INT, "last_id": INT, "trade_count": INT, "received_at": TIME,
        "available_at": TIME,
    },
    "books": {
        "instrument": NAME, "second": TIME, "bids": LEVELS, "asks": LEVELS, "bid_volume": AMOUNT, "ask_volume": AMOUNT,
        "mid_price": MIDDLE, "spread": AMOUNT, "imbalance": RATIO, "sequence": INT, "event_time": TIME,
        "received_at": TIME, "available_at": TIME, "bucket_size": AMOUNT, "early": FLAG, "partial": FLAG,
        "covered": FLAG,
    },
    "buckets": {
        "instrument": NAME, "second": TIME, "price_bucket": AMOUNT, "bucket_size": AMOUNT, "bid_volume": AMOUNT,
        "bid_count": INT, "ask_volume": AMOUNT, "ask_count": INT, "imbalance": RATIO, "available_at": TIME,
    },
    "imbalances": {
        "instrument": NAME, "second": TIME, "imbalance_1s": RATIO, "imbalance_5s": RATIO, "imbalance_15s": RATIO,
        "imbalance_60s": RATIO, "volume_imbalance_1s": RATIO, "volume_imbalance_5s": RATIO,
        "volume_imbalance_15s": RATIO, "volume_imbalance_60s": RATIO, "price_range": AMOUNT, "bid_volume": AMOUNT,
        "ask_volume": AMOUNT, "available_at": TIME,
    },
    "coverage": {
        "instrument": NAME, "stream": NAME, "begin": TIME, "end": TIME, "state": NAME, "reason": TEXT,
        "available_at": TIME,
    },
}
# Columns that the canonical JSON of a row calls otherwise, or leaves out.
FROM_JSON = {
    "first_trade_time": lambda row: row["first"]["event_time"],
    "first_trade_sequence": lambda row: row["first"]["sequence"],
    "first_trade_index": lambda row: row["first"]["index"],
    "last_trade_time": lambda row: row["last"]["event_time"],
    "last_trade_sequence": lambda row: row["last"]["sequence"],
    "last_trade_index": lambda row: row["last"]["index"],
    "first_id": lambda row: (row["aggregate"] or {}).get("first"),
    "last_id": lambda row: (row["aggregate"] or {}).get("last"),
}
ARROW = {
    TIME: pa.timestamp("us", "UTC"), AMOUNT: pa.decimal128(38, 12), MIDDLE: pa.decimal128(38, 13),
    RATIO: pa.decimal128(7, 6), INT: pa.int64(), TEXT: pa.string(), FLAG: pa.bool_(),
}
POLARS = {
    TIME: pl.Datetime("us", "UTC"), AMOUNT: pl.Decimal(38, 12), MIDDLE: pl.Decimal(38, 13), RATIO: pl.Decimal(7, 6),
    INT: pl.Int64, TEXT: pl.String, FLAG: pl.Boolean, NAME: pl.Categorical,
    LEVELS: pl.List(pl.Struct({"price": pl.Decimal(38, 12), "size": pl.Decimal(38, 12)})),
}
DUCKDB = {
    TIME: "TIMESTAMP WITH TIME ZONE", AMOUNT: "DECIMAL(38,12)", MIDDLE: "DECIMAL(38,13)", RATIO: "DECIMAL(7,6)",
    INT: "BIGINT", TEXT: "VARCHAR", FLAG: "BOOLEAN", NAME: "VARCHAR",
    LEVELS: "STRUCT(price DECIMAL(38,12), size DECIMAL(38,12))[]",
}
PANDAS = {TIME: ("datetime64[us, UTC]",), INT: ("int64", "float64"), FLAG: ("bool",), NAME: ("category",)}


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(str(part) for part in what))


def plain(value):
    """A decimal without exponent and trailing zeros."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def micros(value):
    check(value.tzinfo is not None, "a time without zone", value)
    return str((value - EPOCH) // MICROSECOND)


def text(kind, value):
    """The canonical text of a value that a library gave; None for null."""
    if value is None:
        return None
    if kind == TIME:
        return micros(value)
    if kind in (AMOUNT, MIDDLE, RATIO):
        check(isinstance(value, Decimal), "no decimal:", type(value), value)
        return plain(value)
    if kind == FLAG:
        check(value is True or value is False, "no bool:", type(value), value)
        return str(bool(value)).lower()
    if kind == LEVELS:
        return json.dumps([[plain(level["price"]), plain(level["size"])] for level in value], separators=(",", ":"))
    if kind == INT:
        check(isinstance(value, int), "no integer:", type(value), value)
    return str(value)


def columns_of(rows, table):
    """Python values of each column as canonical text."""
    return {name: [text(kind, row[name]) for row in rows] for name, kind in table.items()}


def expected(folder, name, table):
    """What the CSV says, which must be what `onetape query --format json` says of the same rows."""
    with open(folder / f"{name}.csv", newline="") as file:
        reader = csv.DictReader(file)
        check(reader.fieldnames == list(table), name, "CSV columns", reader.fieldnames)
        rows = list(reader)
    instant = lambda value: micros(datetime.fromisoformat(value.replace("Z", "+00:00")))

    def cell(kind, value):
        if value == "" and kind != TEXT:
            return None
        return instant(value) if kind == TIME else value

    want = {column: [cell(kind, row[column]) for row in rows] for column, kind in table.items()}
    path = folder / f"{name}.json"
    if path.exists():
        objects = json.loads(path.read_text())
        check(len(objects) == len(rows), name, "rows of the query", len(objects), "of the export", len(rows))
        for column, kind in table.items():
            get = FROM_JSON.get(column, lambda row, column=column: row.get(column, row))
            for at, row in enumerate(objects):
                value = get(row)
                if value is row:
                    continue
                if kind == LEVELS:
                    value = json.dumps(value, separators=(",", ":"))
                value = value if value is None or isinstance(value, str) else json.dumps(value)
                check(value == want[column][at], name, column, "row", at, "query", value, "csv", want[column][at])
    check(len(rows) > 0, name, "has no rows")
    return want


def same(got, want, *what):
    for column, values in want.items():
        check(len(got[column]) == len(values), *what, column, len(got[column]), "rows instead of", len(values))
        for at, (one, other) in enumerate(zip(got[column], values)):
            check(one == other, *what, column, "row", at, "is", one, "instead of", other)


def arrow_type(field, kind):
    if kind == NAME:
        return pa.types.is_dictionary(field.type) and field.type.value_type == pa.string()
    if kind == LEVELS:
        level = field.type.value_type
        return [(part.name, part.type) for part in level] == [("price", ARROW[AMOUNT]), ("size", ARROW[AMOUNT])]
    return field.type == ARROW[kind]


def pyarrow_opens(folder, name, table, want):
    for kind, read in [("parquet", pq.read_table), ("arrow", paf.read_table)]:
        rows = read(folder / f"{name}.{kind}")
        check(rows.column_names == list(table), name, kind, rows.column_names)
        for field in rows.schema:
            check(arrow_type(field, table[field.name]), "pyarrow", name, kind, field)
        check(rows.schema.metadata[b"onetape.table"].decode() in name, "pyarrow", name, rows.schema.metadata)
        same(columns_of(rows.to_pylist(), table), want, "pyarrow", name, kind)
    days = pads.dataset(folder / f"{name}.days", partitioning="hive").to_table()
    check(set(days.column_names) == set(table) | {"exchange", "symbol", "date"}, name, days.column_names)
    check(set(days.column("symbol").to_pylist()) == {"ETH/USDT"}, name, "symbols of the folders")
    same(columns_of(days.to_pylist(), table), want, "pyarrow", name, "days")
    # As anybody reads a CSV file.
    guessed = pacsv.read_csv(folder / f"{name}.csv")
    check(guessed.num_rows == rows.num_rows, "pyarrow", name, "csv")


def pandas_opens(folder, name, table, want):
    for kind, read in [("parquet", pd.read_parquet), ("arrow", pd.read_feather), ("days", pd.read_parquet)]:
        frame = read(folder / f"{name}.{kind}")
        rows = {}
        for column, column_kind in table.items():
            dtype = str(frame[column].dtype)
            check(dtype in PANDAS.get(column_kind, (dtype,)), "pandas", name, kind, column, dtype)
            values = list(frame[column]) if column_kind == LEVELS else frame[column].tolist()
            if column_kind != LEVELS:
                values = [None if value is None or value is pd.NaT or value != value else value for value in values]
            if column_kind == TIME:
                values = [value and value.to_pydatetime() for value in values]
            if column_kind == INT and dtype == "float64":
                # A nullable integer is a double in pandas unless asked for otherwise.
                check(any(value is None for value in values), "pandas", name, column, dtype)
                values = [None if value is None else int(value) for value in values]
            rows[column] = [text(column_kind, value) for value in values]
        same(rows, want, "pandas", name, kind)
    check(len(pd.read_csv(folder / f"{name}.csv")) == len(frame), "pandas", name, "csv")


def polars_opens(folder, name, table, want):
    days = f"{folder}/{name}.days"
    for kind, frame in [
        ("parquet", pl.read_parquet(folder / f"{name}.parquet")),
        ("arrow", pl.read_ipc(folder / f"{name}.arrow")),
        ("days", pl.scan_parquet(days, hive_partitioning=True).collect()),
    ]:
        for column, column_kind in table.items():
            check(frame.schema[column] == POLARS[column_kind], "polars", name, kind, column, frame.schema[column])
        same(columns_of(frame.select(list(table)).to_dicts(), table), want, "polars", name, kind)
    check(pl.read_csv(folder / f"{name}.csv", infer_schema_length=None).height == frame.height, "polars", name, "csv")


def duckdb_opens(folder, name, table, want):
    database = duckdb.connect()
    arrow = paf.read_table(folder / f"{name}.arrow")
    database.register("arrow_rows", arrow)
    names = ", ".join(f'"{column}"' for column in table)
    for kind, source in [
        ("parquet", f"read_parquet('{folder}/{name}.parquet')"),
        ("arrow", "arrow_rows"),
        ("days", f"read_parquet('{folder}/{name}.days/**/*.parquet', hive_partitioning = true)"),
    ]:
        rows = database.sql(f"SELECT {names} FROM {source}")
        for column, dtype in zip(rows.columns, rows.types):
            shown = str(dtype).replace('"', "")
            check(shown == DUCKDB[table[column]], "duckdb", name, kind, column, shown)
        got = [dict(zip(rows.columns, row)) for row in rows.fetchall()]
        same(columns_of(got, table), want, "duckdb", name, kind)
    count = database.sql(f"SELECT count(*) FROM read_csv('{folder}/{name}.csv')").fetchall()[0][0]
    check(count == arrow.num_rows, "duckdb", name, "csv", count)
    check(database.sql(f"SELECT count(DISTINCT date) FROM {source}").fetchall()[0][0] == 2, name, "both days")


def doubles_are_nearest(folder, name, table, want):
    rows = pq.read_table(folder / f"{name}.float.parquet")
    for column, kind in table.items():
        if kind in (AMOUNT, MIDDLE, RATIO):
            check(rows.schema.field(column).type == pa.float64(), name, column, rows.schema.field(column))
            got = rows.column(column).to_pylist()
            nearest = [None if value is None else float(value) for value in want[column]]
            check(got == nearest, name, column, "as doubles")


def main(folder):
    for name, table in TABLES.items():
        want = expected(folder, name, table)
        for opens in (pyarrow_opens, pandas_opens, polars_opens, duckdb_opens, doubles_are_nearest):
            opens(folder, name, table, want)
        print(f"{name}: {len(want['instrument'])} rows")
    # What was known at an instant, found out from the versions alone.
    versions = pl.read_parquet(folder / "candle_versions_1s.parquet")
    with open(folder / "as_of.csv", newline="") as file:
        known = [(row["open_time"], row["close"], row["revision"]) for row in csv.DictReader(file)]
    at = datetime.fromisoformat((folder / "as_of.txt").read_text().strip().replace("Z", "+00:00"))
    mine = versions.filter(
        (pl.col("known_from") <= at) & (pl.col("known_to").is_null() | (pl.col("known_to") > at))
    )
    instant = lambda value: datetime.fromisoformat(value.replace("Z", "+00:00"))
    mine = [(row["open_time"], plain(row["close"]), str(row["revision"])) for row in mine.to_dicts()]
    check(mine == [(instant(time), close, revision) for time, close, revision in known], "as of", at)
    check(any(version["revision"] > 1 for version in versions.to_dicts()), "no candle was revised")
    print(f"as of {at}: {len(mine)} candles of {versions.height} versions")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
