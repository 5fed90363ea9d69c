-- Room for the readings of a day.
SELECT make_reading_day(%(day)s::date) AS made;
