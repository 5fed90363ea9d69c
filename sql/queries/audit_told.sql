-- Whether something is on record already, of an object or from an address, since a while ago.
SELECT exists(
    SELECT FROM audit AS a
    WHERE
        a.what = %(what)s
        AND (a.object = %(object)s OR a.source = %(source)s)
        AND a.at > now() - %(span)s::interval
) AS found
