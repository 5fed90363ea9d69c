-- How many of this name from this address, of this name, and from this address, within the window.
SELECT
    (count(*) FILTER (WHERE a.user_name = %(name)s AND a.source = %(source)s))::integer AS of_both,
    (count(*) FILTER (WHERE a.user_name = %(name)s))::integer AS of_name,
    (count(*) FILTER (WHERE a.source = %(source)s))::integer AS from_source
FROM sign_in_attempt AS a
WHERE
    (a.user_name = %(name)s OR a.source = %(source)s)
    AND a.at > now() - %(span)s::interval
