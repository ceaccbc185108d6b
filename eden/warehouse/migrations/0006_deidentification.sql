-- The id of the key that pseudonyms are made with (design, section 6): a keyed hash, never the key.
-- Another key would give the same patient another name, so it is refused for as long as this row stands.
CREATE TABLE ops.deidentification_key (
    is_the_only_one boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_one),
    key_id          text NOT NULL,
    first_used_at   timestamptz NOT NULL DEFAULT now()
);
