INSERT INTO instrument_clock (instrument, issued, live_since, watermark, state, book)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (instrument) DO UPDATE SET
    issued = excluded.issued,
    live_since = excluded.live_since,
    watermark = excluded.watermark,
    state = excluded.state,
    book = excluded.book
