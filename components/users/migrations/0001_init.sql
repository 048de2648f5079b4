CREATE TABLE users (
    id TEXT PRIMARY KEY,
    -- In lower case.
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Argon2id, as the host writes it.
    password_hash TEXT NOT NULL,
    -- Milliseconds since 1970 in UTC, here and below.
    created_at BIGINT NOT NULL
);

CREATE INDEX users_by_age ON users (created_at, id);

-- One that was used stays until it expires, so that it is known when it comes again.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token, in hexadecimal digits.
    digest TEXT PRIMARY KEY,
    -- All tokens that came of the same sign-in.
    family TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    used BOOLEAN NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- Attempts to sign in, whether or not there is such an account.
CREATE TABLE attempts (
    email TEXT PRIMARY KEY,
    count BIGINT NOT NULL,
    -- Then they are forgotten.
    until BIGINT NOT NULL
);

CREATE INDEX attempts_by_end ON attempts (until);
