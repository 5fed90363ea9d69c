-- When each building management system was heard last.
CREATE TABLE bms_heartbeat (
    site_id text NOT NULL,
    name text NOT NULL,  -- of its heartbeat, as in the topic
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, name)
);
