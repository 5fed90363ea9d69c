-- Where the readings of points go that have been registered in this transaction.
SELECT place_points(%(points)s::integer[]);
