-- What was shelved until now or earlier comes back by itself.
SELECT alarm_act(a.alarm_id, 'restore', %(now)s, 'joulecast', 'the time is over') AS done
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.state = 'shelved' AND a.withheld_until <= %(now)s
