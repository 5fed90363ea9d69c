-- How old a password is: one that was made for somebody opens nothing after a few days.
ALTER TABLE app_user ADD COLUMN password_at timestamptz NOT NULL DEFAULT now();
