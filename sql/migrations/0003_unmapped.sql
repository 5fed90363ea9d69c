-- What devices send and site.toml does not name yet: seen, shown, and a line away from being a reading.
CREATE TABLE ingest_unmapped (
    site_id text NOT NULL,
    codec text NOT NULL,
    name text NOT NULL,  -- as a key of `points` in site.toml
    topic text NOT NULL,  -- where it was seen last
    unit text NOT NULL,  -- as the device names it; empty where it does not
    suggestion text NOT NULL,  -- point of the catalogue that it probably is; empty where nobody can tell
    example text NOT NULL,  -- newest value
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    seen bigint NOT NULL,
    PRIMARY KEY (site_id, codec, name)
);

-- What a building management system says about which of its objects feeds which.
CREATE TABLE asset_serves (
    site_id text NOT NULL,
    object_id text NOT NULL,
    relation text NOT NULL CHECK (relation IN ('serves', 'part_of')),
    other_id text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, object_id, relation, other_id)
);
