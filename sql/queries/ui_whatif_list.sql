-- Scenarios that were kept, newest first.
SELECT
    s.scenario_id,
    s.name,
    s.actor,
    s.at,
    s.asked
FROM whatif_scenario AS s
WHERE s.site_id = %(site)s
ORDER BY s.at DESC, s.scenario_id DESC
LIMIT %(count)s
