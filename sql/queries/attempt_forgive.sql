-- A sign-in succeeded: what this person mistyped here before, and what is too old to count, is forgotten.
DELETE FROM sign_in_attempt
WHERE (user_name = %(name)s AND source = %(source)s) OR at <= now() - %(span)s::interval
