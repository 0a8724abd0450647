"""Says what pandas makes of Parquet files: one line of JSON for each.

    read_caches.py FILE...
"""

import json
import sys

import pandas as pd

NAMES = ["open", "high", "low", "close", "volume"]
for path in sys.argv[1:]:
    table = pd.read_parquet(path)
    plain = table.reset_index() if isinstance(table.index, pd.DatetimeIndex) else table
    times = plain[next(name for name in ["timestamp", "ts", "open_time", "index"] if name in plain)]
    if times.dtype != "int64":
        zoned = times if times.dt.tz is not None else times.dt.tz_localize("UTC")
        times = zoned.astype("datetime64[ns, UTC]").astype("int64") // 1_000
    index = [type(table.index).__name__, str(table.index.dtype), table.index.name]
    if isinstance(table.index, pd.RangeIndex):
        index += [table.index.start, table.index.stop, table.index.step]
    print(json.dumps({
        "index": index,
        "dtypes": {name: str(dtype) for name, dtype in table.dtypes.items()},
        "times": times.tolist(),
        "values": [[repr(float(value)) for value in row] for row in plain[NAMES].to_numpy()],
        "counts": plain["trade_count"].tolist() if "trade_count" in plain else None,
    }))
