-- Whether there is an account at all.
SELECT exists(SELECT FROM app_user) AS found
