SELECT n.notification_id
FROM notification AS n
WHERE n.site_id = %(site)s AND n.channel = %(channel)s AND n.state = 'waiting' AND n.next_at <= %(now)s
