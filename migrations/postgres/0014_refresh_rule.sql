-- The refresh token that was replaced by the present one. It still gets a new pair as long as the
-- present one was never used, because then the response must have been lost.
ALTER TABLE sessions ADD COLUMN previous_refresh_id UUID;

UPDATE sessions SET previous_refresh_id = (
    SELECT id FROM retired_refresh_tokens WHERE session_id = sessions.id
    ORDER BY retired_at DESC LIMIT 1
);

-- A session of a user with a second factor that has not completed it lives for 10 minutes.
UPDATE sessions SET expires_at = date_trunc('milliseconds', now() + INTERVAL '10 minutes')
WHERE NOT second_factor
    AND expires_at > now() + INTERVAL '10 minutes'
    AND user_id IN (SELECT id FROM users WHERE otp_enabled);
