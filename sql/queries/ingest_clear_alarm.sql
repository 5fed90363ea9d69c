-- One alarm, or, where the source ends in a dot, all whose source begins so, that are older.
UPDATE alarm SET cleared_at = %(now)s
WHERE
    site_id = %(site)s AND cleared_at IS NULL AND raised_at <= %(before)s
    AND (source = %(source)s OR (right(%(source)s, 1) = '.' AND starts_with(source, %(source)s)))
