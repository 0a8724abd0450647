-- The tables, indexes and views of a TimescaleDB store, as all migrations together make them.
--
-- Written by `cargo xtask schema` from the catalog of a freshly migrated database; `migrations/` is what is run, and says
-- why. Left out is what differs between the editions: the continuous aggregates ohlcv_*_continuous (views on the Apache
-- edition), columnstore settings and policies. Chunk lengths are those of the default settings.

CREATE TABLE cutover_log (
    number bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    recorded_by text NOT NULL,
    what text NOT NULL,
    event text NOT NULL,
    CONSTRAINT cutover_log_pkey PRIMARY KEY (number),
    CONSTRAINT numbers_begin_at_1 CHECK ((number >= 1)),
    CONSTRAINT what_is_known CHECK ((what = ANY (ARRAY['advanced'::text, 'back'::text, 'verified'::text, 'shadowed'::text, 'archived'::text, 'removed'::text, 'restored'::text])))
);

CREATE TABLE import_parts (
    run text NOT NULL,
    "position" integer NOT NULL,
    import_id text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    timeframe text NOT NULL,
    covered_from timestamp with time zone NOT NULL,
    covered_to timestamp with time zone NOT NULL,
    CONSTRAINT import_parts_pkey PRIMARY KEY (run, "position"),
    CONSTRAINT import_parts_run_import_id_key UNIQUE (run, import_id),
    CONSTRAINT import_parts_run_fkey FOREIGN KEY (run) REFERENCES import_runs(run)
);

CREATE TABLE import_refused_rows (
    run text NOT NULL,
    table_position integer NOT NULL,
    row_number bigint NOT NULL,
    why text NOT NULL,
    reasons text NOT NULL,
    CONSTRAINT import_refused_rows_pkey PRIMARY KEY (run, table_position, row_number),
    CONSTRAINT import_refused_rows_run_fkey FOREIGN KEY (run) REFERENCES import_runs(run),
    CONSTRAINT reason_is_known CHECK ((why = ANY (ARRAY['invalid'::text, 'outvoted'::text])))
);

CREATE TABLE import_runs (
    run text NOT NULL,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    state text NOT NULL,
    origin text NOT NULL,
    source text NOT NULL,
    settings text NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT import_runs_pkey PRIMARY KEY (run),
    CONSTRAINT import_runs_number_key UNIQUE (number),
    CONSTRAINT state_is_known CHECK ((state = ANY (ARRAY['running'::text, 'finished'::text, 'removing'::text, 'removed'::text])))
);

CREATE TABLE import_sources (
    source text NOT NULL,
    rank integer NOT NULL,
    CONSTRAINT import_sources_pkey PRIMARY KEY (source),
    CONSTRAINT import_sources_rank_key UNIQUE (rank),
    CONSTRAINT rank_is_natural CHECK ((rank >= 0))
);

CREATE TABLE import_tables (
    run text NOT NULL,
    "position" integer NOT NULL,
    path text NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    rows bigint NOT NULL,
    decision text NOT NULL,
    reason text,
    exchange text,
    symbol text,
    timeframe text,
    rows_read bigint NOT NULL DEFAULT 0,
    new_rows bigint NOT NULL DEFAULT 0,
    same_rows bigint NOT NULL DEFAULT 0,
    conflicting_rows bigint NOT NULL DEFAULT 0,
    invalid_rows bigint NOT NULL DEFAULT 0,
    first_time timestamp with time zone,
    last_time timestamp with time zone,
    sums text NOT NULL DEFAULT '[0,0,0,0,0,0,0]'::text,
    is_done boolean NOT NULL DEFAULT false,
    CONSTRAINT import_tables_pkey PRIMARY KEY (run, "position"),
    CONSTRAINT import_tables_run_fkey FOREIGN KEY (run) REFERENCES import_runs(run),
    CONSTRAINT decision_is_whole CHECK ((((decision = 'take'::text) = (symbol IS NOT NULL)) AND ((symbol IS NULL) = (exchange IS NULL)) AND ((symbol IS NULL) = (timeframe IS NULL)) AND ((symbol IS NULL) = (reason IS NOT NULL)))),
    CONSTRAINT every_row_is_counted CHECK ((rows_read = (((new_rows + same_rows) + conflicting_rows) + invalid_rows))),
    CONSTRAINT times_are_whole CHECK ((((first_time IS NULL) = (last_time IS NULL)) AND (first_time <= last_time)))
);

CREATE TABLE imports (
    import_id text NOT NULL,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    symbol text NOT NULL,
    exchange text NOT NULL,
    source text NOT NULL,
    timeframe text NOT NULL,
    begun_at timestamp with time zone NOT NULL DEFAULT now(),
    finished_at timestamp with time zone,
    covered_from timestamp with time zone,
    covered_to timestamp with time zone,
    known_from timestamp with time zone,
    CONSTRAINT imports_pkey PRIMARY KEY (import_id),
    CONSTRAINT imports_number_key UNIQUE (number),
    CONSTRAINT known_when_finished CHECK (((known_from IS NULL) OR (finished_at IS NOT NULL))),
    CONSTRAINT range_is_whole CHECK ((((finished_at IS NULL) = (covered_from IS NULL)) AND ((finished_at IS NULL) = (covered_to IS NULL)) AND (covered_from <= covered_to))),
    CONSTRAINT timeframe_is_known CHECK ((timeframe = ANY (ARRAY['1s'::text, '1m'::text, '5m'::text, '15m'::text, '1h'::text, '1d'::text])))
);

CREATE INDEX imports_of_an_instrument ON public.imports USING btree (symbol, exchange);

CREATE TABLE instrument_clock (
    symbol text NOT NULL,
    exchange text NOT NULL,
    issued timestamp with time zone NOT NULL,
    live_since timestamp with time zone NOT NULL,
    watermark timestamp with time zone,
    state jsonb NOT NULL,
    book jsonb,
    CONSTRAINT instrument_clock_pkey PRIMARY KEY (symbol, exchange)
);

CREATE TABLE instruments (
    symbol text NOT NULL,
    exchange text NOT NULL,
    first_time timestamp with time zone NOT NULL,
    lead_us bigint NOT NULL DEFAULT 0,
    book_lag_us bigint NOT NULL DEFAULT 0,
    first_book_time timestamp with time zone,
    first_imbalance_time timestamp with time zone,
    first_trade_time timestamp with time zone,
    has_imports boolean NOT NULL DEFAULT false,
    loading_to timestamp with time zone,
    expired jsonb,
    CONSTRAINT instruments_pkey PRIMARY KEY (symbol, exchange)
);

CREATE TABLE maintenance (
    one boolean NOT NULL DEFAULT true,
    finished_at timestamp with time zone NOT NULL,
    differences bigint NOT NULL,
    duration_ms bigint NOT NULL,
    CONSTRAINT maintenance_pkey PRIMARY KEY (one),
    CONSTRAINT there_is_one_row CHECK (one)
);

CREATE TABLE ohlcv_15m (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_15m_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_15m is a hypertable by "timestamp", in chunks of 180 days

CREATE TABLE ohlcv_1d (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_1d_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_1d is a hypertable by "timestamp", in chunks of 3650 days

CREATE TABLE ohlcv_1h (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_1h_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_1h is a hypertable by "timestamp", in chunks of 365 days

CREATE TABLE ohlcv_1m (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_1m_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_1m is a hypertable by "timestamp", in chunks of 30 days

CREATE TABLE ohlcv_1s (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_1s_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_1s is a hypertable by "timestamp", in chunks of 1 days

CREATE TABLE ohlcv_5m (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_5m_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_5m is a hypertable by "timestamp", in chunks of 90 days

CREATE TABLE ohlcv_imported (
    symbol text NOT NULL,
    exchange text NOT NULL,
    source text NOT NULL,
    import_id text NOT NULL,
    timeframe text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    trade_count bigint,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_imported_pkey PRIMARY KEY (symbol, exchange, source, import_id, timeframe, "timestamp"),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timeframe_is_known CHECK ((timeframe = ANY (ARRAY['1s'::text, '1m'::text, '5m'::text, '15m'::text, '1h'::text, '1d'::text]))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT trade_count_is_natural CHECK ((trade_count >= 0)),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_imported is a hypertable by "timestamp", in chunks of 30 days

CREATE TABLE ohlcv_indicators (
    symbol text NOT NULL,
    exchange text NOT NULL,
    timeframe text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    feature_version integer NOT NULL,
    known_from timestamp with time zone NOT NULL,
    rsi_14 double precision,
    macd double precision,
    macd_signal double precision,
    macd_hist double precision,
    bb_upper double precision,
    bb_middle double precision,
    bb_lower double precision,
    CONSTRAINT ohlcv_indicators_pkey PRIMARY KEY (symbol, exchange, timeframe, "timestamp", feature_version, known_from),
    CONSTRAINT timeframe_is_known CHECK ((timeframe = ANY (ARRAY['1s'::text, '1m'::text, '5m'::text, '15m'::text, '1h'::text, '1d'::text]))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone)))
);

-- ohlcv_indicators is a hypertable by "timestamp", in chunks of 30 days

CREATE TABLE ohlcv_superseded (
    timeframe text NOT NULL,
    known_to timestamp with time zone NOT NULL,
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    known_from timestamp with time zone NOT NULL,
    first_event_time timestamp with time zone NOT NULL,
    first_sequence bigint NOT NULL,
    first_index bigint NOT NULL,
    last_event_time timestamp with time zone NOT NULL,
    last_sequence bigint NOT NULL,
    last_index bigint NOT NULL,
    trade_count bigint NOT NULL,
    revision integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    volume numeric NOT NULL,
    taker_buy_volume numeric,
    CONSTRAINT ohlcv_superseded_pkey PRIMARY KEY (symbol, exchange, timeframe, "timestamp", revision),
    CONSTRAINT close_is_exact CHECK (((close_price > (0)::numeric) AND (close_price < '10000000000000000000000000000'::numeric) AND (scale(close_price) <= 12) AND ((close_price < '10000000000000000'::numeric) OR (close_price < power((10)::numeric, ((28 - scale(close_price)))::numeric))))),
    CONSTRAINT high_is_exact CHECK (((high_price > (0)::numeric) AND (high_price < '10000000000000000000000000000'::numeric) AND (scale(high_price) <= 12) AND ((high_price < '10000000000000000'::numeric) OR (high_price < power((10)::numeric, ((28 - scale(high_price)))::numeric))))),
    CONSTRAINT known_after_open CHECK ((known_from >= "timestamp")),
    CONSTRAINT known_to_is_later CHECK ((known_to >= known_from)),
    CONSTRAINT low_is_exact CHECK (((low_price > (0)::numeric) AND (low_price < '10000000000000000000000000000'::numeric) AND (scale(low_price) <= 12) AND ((low_price < '10000000000000000'::numeric) OR (low_price < power((10)::numeric, ((28 - scale(low_price)))::numeric))))),
    CONSTRAINT open_is_exact CHECK (((open_price > (0)::numeric) AND (open_price < '10000000000000000000000000000'::numeric) AND (scale(open_price) <= 12) AND ((open_price < '10000000000000000'::numeric) OR (open_price < power((10)::numeric, ((28 - scale(open_price)))::numeric))))),
    CONSTRAINT prices_are_in_order CHECK (((low_price <= open_price) AND (low_price <= close_price) AND (high_price >= open_price) AND (high_price >= close_price))),
    CONSTRAINT revision_is_positive CHECK ((revision >= 1)),
    CONSTRAINT taker_buy_volume_is_exact CHECK (((taker_buy_volume >= (0)::numeric) AND (taker_buy_volume <= volume) AND (scale(taker_buy_volume) <= 12) AND ((taker_buy_volume < '10000000000000000'::numeric) OR (taker_buy_volume < power((10)::numeric, ((28 - scale(taker_buy_volume)))::numeric))))),
    CONSTRAINT timeframe_is_known CHECK ((timeframe = ANY (ARRAY['1s'::text, '1m'::text, '5m'::text, '15m'::text, '1h'::text, '1d'::text]))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volume_is_exact CHECK (((volume >= (0)::numeric) AND (volume < '10000000000000000000000000000'::numeric) AND (scale(volume) <= 12) AND ((volume < '10000000000000000'::numeric) OR (volume < power((10)::numeric, ((28 - scale(volume)))::numeric)))))
);

-- ohlcv_superseded is a hypertable by "timestamp", in chunks of 30 days

CREATE TABLE order_book_1s_agg (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL,
    bid_count integer NOT NULL,
    ask_count integer NOT NULL,
    partial boolean NOT NULL,
    price_bucket numeric NOT NULL,
    bucket_size numeric NOT NULL,
    bid_volume numeric NOT NULL,
    ask_volume numeric NOT NULL,
    imbalance numeric,
    CONSTRAINT order_book_1s_agg_pkey PRIMARY KEY (symbol, exchange, "timestamp", available_at, price_bucket),
    CONSTRAINT available_after_second CHECK ((available_at >= "timestamp")),
    CONSTRAINT bucket_size_is_positive CHECK (((bucket_size > (0)::numeric) AND (bucket_size < '10000000000000000000000000000'::numeric))),
    CONSTRAINT imbalance_is_bounded CHECK (((imbalance >= ('-1'::integer)::numeric) AND (imbalance <= (1)::numeric))),
    CONSTRAINT price_bucket_is_finite CHECK (((price_bucket >= (0)::numeric) AND (price_bucket < '10000000000000000000000000000'::numeric))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volumes_are_finite CHECK (((bid_volume >= (0)::numeric) AND (bid_volume < '100000000000000000000000000000'::numeric) AND (ask_volume >= (0)::numeric) AND (ask_volume < '100000000000000000000000000000'::numeric)))
);

-- order_book_1s_agg is a hypertable by "timestamp", in chunks of 1 days

CREATE TABLE order_book_imbalances (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL,
    imbalance_1s numeric,
    imbalance_5s numeric,
    imbalance_15s numeric,
    imbalance_60s numeric,
    volume_imbalance_1s numeric,
    volume_imbalance_5s numeric,
    volume_imbalance_15s numeric,
    volume_imbalance_60s numeric,
    price_range numeric,
    bid_volume numeric NOT NULL,
    ask_volume numeric NOT NULL,
    CONSTRAINT order_book_imbalances_pkey PRIMARY KEY (symbol, exchange, "timestamp"),
    CONSTRAINT available_after_second CHECK ((available_at >= "timestamp")),
    CONSTRAINT imbalances_are_bounded CHECK ((((imbalance_1s >= ('-1'::integer)::numeric) AND (imbalance_1s <= (1)::numeric)) AND ((imbalance_5s >= ('-1'::integer)::numeric) AND (imbalance_5s <= (1)::numeric)) AND ((imbalance_15s >= ('-1'::integer)::numeric) AND (imbalance_15s <= (1)::numeric)) AND ((imbalance_60s >= ('-1'::integer)::numeric) AND (imbalance_60s <= (1)::numeric)) AND ((volume_imbalance_1s >= ('-1'::integer)::numeric) AND (volume_imbalance_1s <= (1)::numeric)) AND ((volume_imbalance_5s >= ('-1'::integer)::numeric) AND (volume_imbalance_5s <= (1)::numeric)) AND ((volume_imbalance_15s >= ('-1'::integer)::numeric) AND (volume_imbalance_15s <= (1)::numeric)) AND ((volume_imbalance_60s >= ('-1'::integer)::numeric) AND (volume_imbalance_60s <= (1)::numeric)))),
    CONSTRAINT price_range_is_finite CHECK (((price_range > (0)::numeric) AND (price_range < '10000000000000000000000000000'::numeric))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT volumes_are_finite CHECK (((bid_volume >= (0)::numeric) AND (bid_volume < '100000000000000000000000000000'::numeric) AND (ask_volume >= (0)::numeric) AND (ask_volume < '100000000000000000000000000000'::numeric)))
);

-- order_book_imbalances is a hypertable by "timestamp", in chunks of 1 days

CREATE TABLE order_book_snapshots (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL,
    event_time timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    sequence bigint NOT NULL,
    price_scale smallint NOT NULL,
    size_scale smallint NOT NULL,
    early boolean NOT NULL,
    partial boolean NOT NULL,
    covered boolean NOT NULL,
    bucket_size numeric NOT NULL,
    mid_price numeric,
    spread numeric,
    bid_volume numeric NOT NULL,
    ask_volume numeric NOT NULL,
    bid_prices bigint[] NOT NULL,
    bid_sizes bigint[] NOT NULL,
    ask_prices bigint[] NOT NULL,
    ask_sizes bigint[] NOT NULL,
    wide_levels jsonb,
    CONSTRAINT order_book_snapshots_pkey PRIMARY KEY (symbol, exchange, "timestamp", available_at),
    CONSTRAINT ask_volume_is_finite CHECK (((ask_volume >= (0)::numeric) AND (ask_volume < '100000000000000000000000000000'::numeric))),
    CONSTRAINT available_after_second CHECK ((available_at >= "timestamp")),
    CONSTRAINT bid_volume_is_finite CHECK (((bid_volume >= (0)::numeric) AND (bid_volume < '100000000000000000000000000000'::numeric))),
    CONSTRAINT bucket_size_is_exact CHECK (((bucket_size > (0)::numeric) AND (bucket_size < '10000000000000000000000000000'::numeric) AND (scale(bucket_size) <= 12) AND ((bucket_size < '10000000000000000'::numeric) OR (bucket_size < power((10)::numeric, ((28 - scale(bucket_size)))::numeric))))),
    CONSTRAINT mid_price_is_positive CHECK (((mid_price > (0)::numeric) AND (mid_price < '10000000000000000000000000000'::numeric))),
    CONSTRAINT scales_are_sane CHECK ((((price_scale >= 0) AND (price_scale <= 12)) AND ((size_scale >= 0) AND (size_scale <= 12)))),
    CONSTRAINT sides_are_whole CHECK (((cardinality(bid_prices) = cardinality(bid_sizes)) AND (cardinality(ask_prices) = cardinality(ask_sizes)))),
    CONSTRAINT spread_is_positive CHECK (((spread > (0)::numeric) AND (spread < '10000000000000000000000000000'::numeric))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone)))
);

-- order_book_snapshots is a hypertable by "timestamp", in chunks of 1 days

CREATE TABLE quarantine (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    digest bytea NOT NULL,
    origin text NOT NULL,
    symbol text,
    exchange text,
    violations json NOT NULL,
    payload text NOT NULL,
    payload_bytes bigint NOT NULL,
    received_at timestamp with time zone,
    stored_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT quarantine_pkey PRIMARY KEY (digest),
    CONSTRAINT quarantine_id_key UNIQUE (id),
    CONSTRAINT instrument_is_whole CHECK (((symbol IS NULL) = (exchange IS NULL)))
);

CREATE TABLE store_settings (
    name text NOT NULL,
    period interval NOT NULL,
    CONSTRAINT store_settings_pkey PRIMARY KEY (name),
    CONSTRAINT period_is_positive CHECK ((period > '00:00:00'::interval))
);

CREATE TABLE stream_coverage (
    symbol text NOT NULL,
    exchange text NOT NULL,
    stream text NOT NULL,
    available_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    begin_time timestamp with time zone NOT NULL,
    end_time timestamp with time zone NOT NULL,
    reason text NOT NULL,
    CONSTRAINT stream_coverage_pkey PRIMARY KEY (symbol, exchange, available_at, stream, state, begin_time, end_time, reason),
    CONSTRAINT available_at_is_sane CHECK (((available_at >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND (available_at < '2100-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT range_is_not_empty CHECK ((begin_time < end_time)),
    CONSTRAINT reason_is_short CHECK ((length(reason) <= 1000)),
    CONSTRAINT state_is_known CHECK ((state = ANY (ARRAY['alive'::text, 'gap'::text, 'filled'::text, 'unfillable'::text]))),
    CONSTRAINT stream_is_known CHECK ((stream = ANY (ARRAY['trades'::text, 'book'::text])))
);

-- stream_coverage is a hypertable by available_at, in chunks of 1 days

CREATE TABLE stream_coverage_runs (
    symbol text NOT NULL,
    exchange text NOT NULL,
    stream text NOT NULL,
    state text NOT NULL,
    begin_time timestamp with time zone NOT NULL,
    end_time timestamp with time zone NOT NULL,
    reason text NOT NULL,
    first_available_at timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL,
    furthest_end timestamp with time zone NOT NULL,
    furthest_at timestamp with time zone NOT NULL
);

CREATE UNIQUE INDEX stream_coverage_runs_alive ON public.stream_coverage_runs USING btree (symbol, exchange, stream, begin_time) WHERE (state = 'alive'::text);

CREATE INDEX stream_coverage_runs_end ON public.stream_coverage_runs USING btree (symbol, exchange, furthest_end);

CREATE UNIQUE INDEX stream_coverage_runs_other ON public.stream_coverage_runs USING btree (symbol, exchange, stream, state, begin_time, end_time, available_at, reason) WHERE (state <> 'alive'::text);

CREATE TABLE table_settings (
    table_name text NOT NULL,
    chunk_interval interval NOT NULL,
    compress_after interval,
    retain_for interval,
    dropped_before timestamp with time zone,
    CONSTRAINT table_settings_pkey PRIMARY KEY (table_name),
    CONSTRAINT periods_are_positive CHECK (((chunk_interval > '00:00:00'::interval) AND (compress_after > '00:00:00'::interval) AND (retain_for > '00:00:00'::interval)))
);

CREATE TABLE trade_events (
    symbol text NOT NULL,
    exchange text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    sequence bigint NOT NULL,
    message_index bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL,
    first_trade_id bigint,
    last_trade_id bigint,
    price numeric NOT NULL,
    size numeric NOT NULL,
    side text NOT NULL,
    trade_id text NOT NULL,
    CONSTRAINT trade_events_pkey PRIMARY KEY (symbol, exchange, "timestamp", sequence, message_index),
    CONSTRAINT aggregate_is_whole CHECK (((first_trade_id IS NULL) = (last_trade_id IS NULL))),
    CONSTRAINT price_is_exact CHECK (((price > (0)::numeric) AND (price < '10000000000000000000000000000'::numeric) AND (scale(price) <= 12) AND ((price < '10000000000000000'::numeric) OR (price < power((10)::numeric, ((28 - scale(price)))::numeric))))),
    CONSTRAINT side_is_known CHECK ((side = ANY (ARRAY['buy'::text, 'sell'::text]))),
    CONSTRAINT size_is_exact CHECK (((size > (0)::numeric) AND (size < '10000000000000000000000000000'::numeric) AND (scale(size) <= 12) AND ((size < '10000000000000000'::numeric) OR (size < power((10)::numeric, ((28 - scale(size)))::numeric))))),
    CONSTRAINT timestamp_is_sane CHECK ((("timestamp" >= '2009-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" < '2100-01-01 00:00:00+00'::timestamp with time zone)))
);

-- trade_events is a hypertable by "timestamp", in chunks of 1 days

CREATE VIEW imported_candles AS
 SELECT candle.symbol,
    candle.exchange,
    candle.timeframe,
    candle."timestamp",
    candle.source,
    candle.import_id,
    candle.open_price,
    candle.high_price,
    candle.low_price,
    candle.close_price,
    candle.volume,
    candle.taker_buy_volume,
    candle.trade_count,
    candle.timeframe <> import.timeframe AS rolled_up,
    COALESCE(ranked.rank, 2147483647) AS source_rank,
    import.number
   FROM imports import
     JOIN ohlcv_imported candle ON candle.symbol = import.symbol AND candle.exchange = import.exchange AND candle.source = import.source AND candle.import_id = import.import_id
     LEFT JOIN import_sources ranked ON ranked.source = import.source
  WHERE import.finished_at IS NOT NULL AND import.known_from IS NOT NULL;

CREATE VIEW ohlcv_data AS
 SELECT derived."timestamp",
    derived.symbol,
    derived.timeframe,
    derived.open_price,
    derived.high_price,
    derived.low_price,
    derived.close_price,
    derived.volume,
    derived.trade_count,
    indicators.rsi_14,
    indicators.macd,
    indicators.macd_signal,
    indicators.bb_upper,
    indicators.bb_middle,
    indicators.bb_lower,
    derived.exchange,
    'derived'::text AS source,
    derived.taker_buy_volume,
    derived.revision,
    derived.known_from,
    COALESCE(coverage.covered @> tstzrange(derived."timestamp", derived."timestamp" + derived.length), false) AS complete
   FROM ( SELECT '1s'::text AS timeframe,
            '00:00:01'::interval AS length,
            ohlcv_1s.symbol,
            ohlcv_1s.exchange,
            ohlcv_1s."timestamp",
            ohlcv_1s.known_from,
            ohlcv_1s.first_event_time,
            ohlcv_1s.first_sequence,
            ohlcv_1s.first_index,
            ohlcv_1s.last_event_time,
            ohlcv_1s.last_sequence,
            ohlcv_1s.last_index,
            ohlcv_1s.trade_count,
            ohlcv_1s.revision,
            ohlcv_1s.open_price,
            ohlcv_1s.high_price,
            ohlcv_1s.low_price,
            ohlcv_1s.close_price,
            ohlcv_1s.volume,
            ohlcv_1s.taker_buy_volume
           FROM ohlcv_1s
        UNION ALL
         SELECT '1m'::text,
            '00:01:00'::interval AS "interval",
            ohlcv_1m.symbol,
            ohlcv_1m.exchange,
            ohlcv_1m."timestamp",
            ohlcv_1m.known_from,
            ohlcv_1m.first_event_time,
            ohlcv_1m.first_sequence,
            ohlcv_1m.first_index,
            ohlcv_1m.last_event_time,
            ohlcv_1m.last_sequence,
            ohlcv_1m.last_index,
            ohlcv_1m.trade_count,
            ohlcv_1m.revision,
            ohlcv_1m.open_price,
            ohlcv_1m.high_price,
            ohlcv_1m.low_price,
            ohlcv_1m.close_price,
            ohlcv_1m.volume,
            ohlcv_1m.taker_buy_volume
           FROM ohlcv_1m
        UNION ALL
         SELECT '5m'::text,
            '00:05:00'::interval AS "interval",
            ohlcv_5m.symbol,
            ohlcv_5m.exchange,
            ohlcv_5m."timestamp",
            ohlcv_5m.known_from,
            ohlcv_5m.first_event_time,
            ohlcv_5m.first_sequence,
            ohlcv_5m.first_index,
            ohlcv_5m.last_event_time,
            ohlcv_5m.last_sequence,
            ohlcv_5m.last_index,
            ohlcv_5m.trade_count,
            ohlcv_5m.revision,
            ohlcv_5m.open_price,
            ohlcv_5m.high_price,
            ohlcv_5m.low_price,
            ohlcv_5m.close_price,
            ohlcv_5m.volume,
            ohlcv_5m.taker_buy_volume
           FROM ohlcv_5m
        UNION ALL
         SELECT '15m'::text,
            '00:15:00'::interval AS "interval",
            ohlcv_15m.symbol,
            ohlcv_15m.exchange,
            ohlcv_15m."timestamp",
            ohlcv_15m.known_from,
            ohlcv_15m.first_event_time,
            ohlcv_15m.first_sequence,
            ohlcv_15m.first_index,
            ohlcv_15m.last_event_time,
            ohlcv_15m.last_sequence,
            ohlcv_15m.last_index,
            ohlcv_15m.trade_count,
            ohlcv_15m.revision,
            ohlcv_15m.open_price,
            ohlcv_15m.high_price,
            ohlcv_15m.low_price,
            ohlcv_15m.close_price,
            ohlcv_15m.volume,
            ohlcv_15m.taker_buy_volume
           FROM ohlcv_15m
        UNION ALL
         SELECT '1h'::text,
            '01:00:00'::interval AS "interval",
            ohlcv_1h.symbol,
            ohlcv_1h.exchange,
            ohlcv_1h."timestamp",
            ohlcv_1h.known_from,
            ohlcv_1h.first_event_time,
            ohlcv_1h.first_sequence,
            ohlcv_1h.first_index,
            ohlcv_1h.last_event_time,
            ohlcv_1h.last_sequence,
            ohlcv_1h.last_index,
            ohlcv_1h.trade_count,
            ohlcv_1h.revision,
            ohlcv_1h.open_price,
            ohlcv_1h.high_price,
            ohlcv_1h.low_price,
            ohlcv_1h.close_price,
            ohlcv_1h.volume,
            ohlcv_1h.taker_buy_volume
           FROM ohlcv_1h
        UNION ALL
         SELECT '1d'::text,
            '24:00:00'::interval AS "interval",
            ohlcv_1d.symbol,
            ohlcv_1d.exchange,
            ohlcv_1d."timestamp",
            ohlcv_1d.known_from,
            ohlcv_1d.first_event_time,
            ohlcv_1d.first_sequence,
            ohlcv_1d.first_index,
            ohlcv_1d.last_event_time,
            ohlcv_1d.last_sequence,
            ohlcv_1d.last_index,
            ohlcv_1d.trade_count,
            ohlcv_1d.revision,
            ohlcv_1d.open_price,
            ohlcv_1d.high_price,
            ohlcv_1d.low_price,
            ohlcv_1d.close_price,
            ohlcv_1d.volume,
            ohlcv_1d.taker_buy_volume
           FROM ohlcv_1d) derived
     LEFT JOIN trade_coverage coverage ON coverage.symbol = derived.symbol AND coverage.exchange = derived.exchange
     LEFT JOIN LATERAL ( SELECT version.rsi_14,
            version.macd,
            version.macd_signal,
            version.bb_upper,
            version.bb_middle,
            version.bb_lower
           FROM ohlcv_indicators version
          WHERE version.symbol = derived.symbol AND version.exchange = derived.exchange AND version.timeframe = derived.timeframe AND version."timestamp" = derived."timestamp"
          ORDER BY version.feature_version DESC, version.known_from DESC
         LIMIT 1) indicators ON true
  WHERE coverage.covered @> tstzrange(derived."timestamp", derived."timestamp" + derived.length) OR NOT (EXISTS ( SELECT
           FROM imported_candles imported
          WHERE imported.symbol = derived.symbol AND imported.exchange = derived.exchange AND imported.timeframe = derived.timeframe AND imported."timestamp" = derived."timestamp"))
UNION ALL
 SELECT imported."timestamp",
    imported.symbol,
    imported.timeframe,
    imported.open_price,
    imported.high_price,
    imported.low_price,
    imported.close_price,
    imported.volume,
    imported.trade_count,
    NULL::double precision AS rsi_14,
    NULL::double precision AS macd,
    NULL::double precision AS macd_signal,
    NULL::double precision AS bb_upper,
    NULL::double precision AS bb_middle,
    NULL::double precision AS bb_lower,
    imported.exchange,
    imported.source,
    imported.taker_buy_volume,
    NULL::integer AS revision,
    NULL::timestamp with time zone AS known_from,
    true AS complete
   FROM imported_candles imported
     LEFT JOIN trade_coverage coverage ON coverage.symbol = imported.symbol AND coverage.exchange = imported.exchange
  WHERE NOT (EXISTS ( SELECT
           FROM imported_candles better
          WHERE better.symbol = imported.symbol AND better.exchange = imported.exchange AND better.timeframe = imported.timeframe AND better."timestamp" = imported."timestamp" AND ((ROW(better.rolled_up, better.source_rank, better.source COLLATE "C", - better.number) < ROW(imported.rolled_up, imported.source_rank, imported.source COLLATE "C", - imported.number))))) AND NOT (EXISTS ( SELECT
           FROM ( SELECT '1s'::text AS timeframe,
                    '00:00:01'::interval AS length,
                    ohlcv_1s.symbol,
                    ohlcv_1s.exchange,
                    ohlcv_1s."timestamp"
                   FROM ohlcv_1s
                UNION ALL
                 SELECT '1m'::text,
                    '00:01:00'::interval AS "interval",
                    ohlcv_1m.symbol,
                    ohlcv_1m.exchange,
                    ohlcv_1m."timestamp"
                   FROM ohlcv_1m
                UNION ALL
                 SELECT '5m'::text,
                    '00:05:00'::interval AS "interval",
                    ohlcv_5m.symbol,
                    ohlcv_5m.exchange,
                    ohlcv_5m."timestamp"
                   FROM ohlcv_5m
                UNION ALL
                 SELECT '15m'::text,
                    '00:15:00'::interval AS "interval",
                    ohlcv_15m.symbol,
                    ohlcv_15m.exchange,
                    ohlcv_15m."timestamp"
                   FROM ohlcv_15m
                UNION ALL
                 SELECT '1h'::text,
                    '01:00:00'::interval AS "interval",
                    ohlcv_1h.symbol,
                    ohlcv_1h.exchange,
                    ohlcv_1h."timestamp"
                   FROM ohlcv_1h
                UNION ALL
                 SELECT '1d'::text,
                    '24:00:00'::interval AS "interval",
                    ohlcv_1d.symbol,
                    ohlcv_1d.exchange,
                    ohlcv_1d."timestamp"
                   FROM ohlcv_1d) derived
          WHERE derived.symbol = imported.symbol AND derived.exchange = imported.exchange AND derived.timeframe = imported.timeframe AND derived."timestamp" = imported."timestamp" AND coverage.covered @> tstzrange(derived."timestamp", derived."timestamp" + derived.length)));

CREATE VIEW order_book_levels AS
 SELECT book.symbol,
    book.exchange,
    book."timestamp",
    book.available_at,
    level.side,
    level.level,
    level.price,
    level.size
   FROM order_book_snapshots book
     CROSS JOIN LATERAL ( SELECT 'bid'::text AS side,
            bid.ordinality AS level,
            trim_scale(bid.price::numeric * (('1e-'::text || book.price_scale)::numeric)) AS price,
            trim_scale(bid.size::numeric * (('1e-'::text || book.size_scale)::numeric)) AS size
           FROM UNNEST(book.bid_prices, book.bid_sizes) WITH ORDINALITY bid(price, size, ordinality)
        UNION ALL
         SELECT 'ask'::text,
            ask.ordinality,
            trim_scale(ask.price::numeric * (('1e-'::text || book.price_scale)::numeric)) AS trim_scale,
            trim_scale(ask.size::numeric * (('1e-'::text || book.size_scale)::numeric)) AS trim_scale
           FROM UNNEST(book.ask_prices, book.ask_sizes) WITH ORDINALITY ask(price, size, ordinality)
        UNION ALL
         SELECT 'bid'::text,
            bid.ordinality,
            (bid.pair ->> 0)::numeric AS "numeric",
            (bid.pair ->> 1)::numeric AS "numeric"
           FROM jsonb_array_elements(book.wide_levels -> 'bids'::text) WITH ORDINALITY bid(pair, ordinality)
        UNION ALL
         SELECT 'ask'::text,
            ask.ordinality,
            (ask.pair ->> 0)::numeric AS "numeric",
            (ask.pair ->> 1)::numeric AS "numeric"
           FROM jsonb_array_elements(book.wide_levels -> 'asks'::text) WITH ORDINALITY ask(pair, ordinality)) level;

CREATE VIEW trade_coverage AS
 SELECT log.symbol,
    log.exchange,
    COALESCE(range_agg(log.span) FILTER (WHERE log.proves), '{}'::tstzmultirange) - COALESCE(range_agg(lost.span), '{}'::tstzmultirange) AS covered
   FROM trade_coverage_log log
     LEFT JOIN LATERAL ( SELECT tstzmultirange(log.span) - COALESCE(range_agg(later.span), '{}'::tstzmultirange) AS span
           FROM trade_coverage_log later
          WHERE NOT log.proves AND later.symbol = log.symbol AND later.exchange = log.exchange AND later.proves AND ((ROW(later.available_at, later.rank) > ROW(log.available_at, log.rank))) AND later.span && log.span) lost ON NOT log.proves
  GROUP BY log.symbol, log.exchange;

CREATE VIEW trade_coverage_log AS
 SELECT stream_coverage_runs.symbol,
    stream_coverage_runs.exchange,
    stream_coverage_runs.available_at,
    array_position(ARRAY['alive'::text, 'gap'::text, 'filled'::text, 'unfillable'::text], stream_coverage_runs.state) AS rank,
    stream_coverage_runs.state = ANY (ARRAY['alive'::text, 'filled'::text]) AS proves,
    tstzrange(stream_coverage_runs.begin_time, stream_coverage_runs.end_time) AS span
   FROM stream_coverage_runs
  WHERE stream_coverage_runs.stream = 'trades'::text
UNION ALL
 SELECT stream_coverage_runs.symbol,
    stream_coverage_runs.exchange,
    stream_coverage_runs.furthest_at AS available_at,
    1 AS rank,
    true AS proves,
    tstzrange(stream_coverage_runs.begin_time, stream_coverage_runs.furthest_end) AS span
   FROM stream_coverage_runs
  WHERE stream_coverage_runs.stream = 'trades'::text AND stream_coverage_runs.state = 'alive'::text AND stream_coverage_runs.furthest_at < stream_coverage_runs.available_at;
