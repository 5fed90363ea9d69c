-- What stands as less grave gives way: the graver one that comes next asks anew.
UPDATE alarm SET cleared_at = %(now)s
WHERE site_id = %(site)s AND source = %(source)s AND cleared_at IS NULL AND priority > %(priority)s
