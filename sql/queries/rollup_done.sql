-- A piece is rolled up.
SELECT rollup_done(%(ids)s::bigint[], %(start)s::timestamptz, %(end)s::timestamptz);
