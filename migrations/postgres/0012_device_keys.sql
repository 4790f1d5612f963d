-- A random UUID that comes with each new password. The device tokens of an account are bound to it, so
-- a new password makes every device unknown. An account that has its first password has none.
ALTER TABLE users ADD COLUMN device_key UUID;
