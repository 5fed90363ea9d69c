CALL roll_up(%(start)s::timestamptz, %(end)s::timestamptz);
