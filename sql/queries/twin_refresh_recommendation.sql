-- A card that is looked at again shows what holds now; its version has grown in the same transaction.
UPDATE recommendation
SET
    expires_at = %(expires_at)s,
    wakes_at = NULL,
    objective = %(objective)s,
    saving_p10_kw = %(p10)s,
    saving_p50_kw = %(p50)s,
    saving_p90_kw = %(p90)s,
    attribution = %(attribution)s,
    prediction = %(prediction)s,
    verdicts = %(verdicts)s,
    rule = %(rule)s,
    plan = %(plan)s,
    calibration_id = %(calibration_id)s
WHERE recommendation_id = %(id)s
