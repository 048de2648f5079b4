CREATE TABLE products (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    category TEXT NOT NULL,
    -- In minor units.
    price BIGINT NOT NULL CHECK (price >= 0),
    currency TEXT NOT NULL,
    -- One in each line.
    tags TEXT NOT NULL,
    weight_grams BIGINT NOT NULL CHECK (weight_grams >= 0),
    -- The category in lower case, and everything that is searched: databases differ in what is lower case.
    category_key TEXT NOT NULL,
    search TEXT NOT NULL
);

CREATE INDEX products_by_name ON products (name, id);
CREATE INDEX products_by_category ON products (category_key, name, id);
