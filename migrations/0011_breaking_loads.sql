-- Instruments that are copied in from another store. Until that is finished they have no clock, and nobody else may write
-- them; earlier builds would, so they must not work here.

ALTER TABLE instruments
    -- The last stamp of the rows that come in; null where no load is under way, infinity where there is no tape.
    ADD COLUMN loading_to TIMESTAMPTZ,
    -- What retention had taken where the rows come from: by table, before which instant. Null where nothing.
    ADD COLUMN expired JSONB;
