-- What the views of the marts' schema were when a build ended: while they are the same, a tick has
-- none to make.
ALTER TABLE ops.builds ADD COLUMN views_hash text;
