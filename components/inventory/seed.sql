-- Of the products in the seed data of `products`.
INSERT INTO levels (product_id, stock) VALUES ('1', 100), ('2', 50), ('3', 25)
ON CONFLICT DO NOTHING;
