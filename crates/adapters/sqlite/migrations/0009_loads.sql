-- Instruments that are being copied in from another store. Until that is finished they have no clock, and nobody else may
-- write them.

ALTER TABLE instruments
    -- The last stamp of the rows that come in; null where no load is under way, the greatest integer where there is no tape.
    ADD COLUMN loading_to INTEGER;
