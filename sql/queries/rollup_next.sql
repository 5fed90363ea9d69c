-- What to roll up next; no `ids` where nothing is dirty, no times where only rows are to be cleared away.
SELECT
    n.ids,
    n.from_minute,
    n.to_minute
FROM rollup_next() AS n
