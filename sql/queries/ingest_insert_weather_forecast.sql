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
        %(issued)s::timestamptz [],
        %(valid)s::timestamptz [],
        %(dry_bulb)s::double precision [],
        %(wet_bulb)s::double precision []
    ) AS n (issued_at, valid_at, dry_bulb_c, wet_bulb_c)
ON CONFLICT (site_id, valid_at, issued_at) DO NOTHING
