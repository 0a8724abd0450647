-- So that nothing is added to an import while it is being finished.
SELECT import_id FROM imports WHERE import_id = $1 FOR UPDATE
