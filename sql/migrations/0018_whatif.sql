-- What somebody asked the twin, kept by name to be opened and compared again. It is a question and nothing
-- else: nothing reads this table to change anything at a plant.
CREATE TABLE whatif_scenario (
    scenario_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    actor text NOT NULL CHECK (actor <> ''),
    at timestamptz NOT NULL,
    asked jsonb NOT NULL, -- parameters of the page's address
    UNIQUE (site_id, name)
);
