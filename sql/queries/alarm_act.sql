-- One step of an alarm; no row where the site has no such alarm.
SELECT alarm_act(a.alarm_id, %(verb)s, %(at)s, %(actor)s, %(reason)s, %(until)s) AS done
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.alarm_id = %(number)s
