-- A card that proposes to take another one back: the same the other way round, with what is measured now.
INSERT INTO recommendation (
    site_id, created_at, expires_at, due_at, kind, authority, of_recommendation_id, changes, objective,
    saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule, calibration_id
)
SELECT
    r.site_id,
    %(now)s::timestamptz,
    %(expires_at)s::timestamptz,
    %(expires_at)s::timestamptz,
    'revert' AS kind,
    'supervised' AS authority,
    r.recommendation_id,
    %(changes)s::jsonb,
    r.objective,
    -r.saving_p90_kw AS saving_p10_kw,
    -r.saving_p50_kw AS saving_p50_kw,
    -r.saving_p10_kw AS saving_p90_kw,
    '{}'::jsonb AS attribution,
    r.prediction || %(prediction)s::jsonb || jsonb_build_object(
        'facility_kw_before', r.prediction -> 'facility_kw_after',
        'facility_kw_after', r.prediction -> 'facility_kw_before',
        'pue_before', r.prediction -> 'pue_after',
        'pue_after', r.prediction -> 'pue_before'
    ) AS prediction,
    %(verdicts)s::jsonb,
    r.rule,
    r.calibration_id
FROM recommendation AS r
WHERE r.recommendation_id = %(of)s
RETURNING recommendation_id
