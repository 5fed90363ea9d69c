UPDATE alarm SET cleared_at = %(now)s
WHERE site_id = %(site)s AND source = %(source)s AND cleared_at IS NULL
