CREATE TABLE achievements (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- The level that unlocks it.
    level BIGINT
);

INSERT INTO achievements (id, name, description, level) VALUES
    ('first_game', 'Hello, World', 'Play a game.', NULL),
    ('first_win', 'First Victory', 'Win a game.', NULL),
    ('ten_wins', 'On a Roll', 'Win ten games.', NULL),
    ('hundred_wins', 'Unstoppable', 'Win a hundred games.', NULL),
    ('perfect_game', 'Flawless', 'Win a game without losing a point.', NULL),
    ('comeback', 'Never Give Up', 'Win a game that seemed lost.', NULL),
    ('explorer', 'Explorer', 'Visit every place on the map.', NULL),
    ('collector', 'Collector', 'Find everything that is hidden.', NULL),
    ('team_player', 'Team Player', 'Win a game in a team.', NULL),
    ('level_5', 'Apprentice', 'Reach level 5.', 5),
    ('level_10', 'Adept', 'Reach level 10.', 10),
    ('level_25', 'Expert', 'Reach level 25.', 25),
    ('level_50', 'Master', 'Reach level 50.', 50),
    ('level_100', 'Legend', 'Reach level 100.', 100);

CREATE TABLE unlocked (
    player_id TEXT NOT NULL,
    achievement TEXT NOT NULL REFERENCES achievements (id),
    -- Milliseconds since 1970 in UTC.
    unlocked_at BIGINT NOT NULL,
    PRIMARY KEY (player_id, achievement)
);

CREATE INDEX unlocked_by_age ON unlocked (player_id, unlocked_at, achievement);
