-- One forecast, many hours; one that is known already stays as it was first heard.
INSERT INTO weather_forecast (site_id, issued_at, valid_at, available_at, dry_bulb_c, wet_bulb_c)
SELECT
    %(site)s,
    n.issued_at,
    n.valid_at,
    %(now)s,
    n.dry_bulb_c,
    n.wet_bulb_c
FROM
    unnest(
        %(issued)s::TIMESTAMPTZ[],
        %(valid)s::TIMESTAMPTZ[],
        %(dry_bulb)s::DOUBLE PRECISION[],
        %(wet_bulb)s::DOUBLE PRECISION[]
    ) AS n (issued_at, valid_at, dry_bulb_c, wet_bulb_c)
ON CONFLICT (site_id, valid_at, issued_at) DO NOTHING
