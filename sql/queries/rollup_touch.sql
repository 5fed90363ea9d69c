-- Minutes in which readings are about to be written in this transaction.
SELECT touch_readings(%(starts)s::timestamptz[], %(ends)s::timestamptz[]);
