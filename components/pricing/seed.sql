-- A tenth off for everybody, five dollars off from twenty on, and one that was good in 2025.
INSERT INTO coupons (code, percent, amount, currency, valid_from, valid_until, subtotal_min) VALUES
    ('WELCOME10', 10, NULL, NULL, NULL, NULL, NULL),
    ('FIVE-OFF', NULL, 500, 'USD', NULL, NULL, 2000),
    ('SUMMER25', 25, NULL, NULL, 1748736000000, 1756684800000, NULL)
ON CONFLICT DO NOTHING;
