-- One alarm, or all whose source begins so, that are older.
UPDATE alarm SET cleared_at = %(now)s
WHERE
    site_id = %(site)s AND cleared_at IS NULL AND starts_with(source, %(source)s) AND raised_at <= %(before)s
