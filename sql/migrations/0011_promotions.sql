-- Which version of a forecaster was in force when, who put it there and why. Only ever inserted into, so that
-- what was in force before can be told, and be put back.
CREATE TABLE model_promotion (
    promotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_version_id bigint NOT NULL REFERENCES model_version,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    takes_back boolean NOT NULL DEFAULT FALSE  -- a rollback: undoes the newest promotion that still stands
);

CREATE INDEX model_promotion_version ON model_promotion (model_version_id);

INSERT INTO model_promotion (model_version_id, at, actor, reason)
SELECT
    v.model_version_id,
    v.trained_at,
    'training' AS actor,
    coalesce(v.card ->> 'reason', '') AS reason
FROM model_version AS v
WHERE v.status = 'champion';
