-- What writing back has to keep: signed messages, why a lease was lost, and when each gateway was heard.

ALTER TABLE command
ADD COLUMN message bytea,  -- as it was signed; after a crash the same bytes go out again
ADD COLUMN message_expires_at timestamptz;  -- until then the gateway takes it

ALTER TABLE lease ADD COLUMN let_go text;  -- why the gateway let go by itself

CREATE TABLE edge_status (
    site_id text NOT NULL,
    edge text NOT NULL,
    online boolean NOT NULL,  -- false: it has said goodbye, or the broker has for it
    heard_at timestamptz NOT NULL,
    holding jsonb NOT NULL,  -- by point, the recommendation whose value it holds
    PRIMARY KEY (site_id, edge)
);

CREATE INDEX command_of_recommendation ON command (recommendation_id);
