-- What holds until an operator puts other rows here.
INSERT INTO quantity_breaks (quantity_min, rate) VALUES (10, 5000), (50, 10000);

INSERT INTO tax_rates (country, region, rate) VALUES
    ('US', 'CA', 7250), ('US', 'FL', 6000), ('US', 'IL', 6250), ('US', 'NY', 8875), ('US', 'PA', 6000),
    ('US', 'TX', 6250), ('US', 'WA', 6500),
    ('CA', '', 5000), ('CA', 'ON', 13000), ('CA', 'QC', 14975),
    ('AT', '', 20000), ('BE', '', 21000), ('CH', '', 8100), ('DE', '', 19000), ('DK', '', 25000),
    ('ES', '', 21000), ('FR', '', 20000), ('GB', '', 20000), ('IE', '', 23000), ('IT', '', 22000),
    ('NL', '', 21000), ('PL', '', 23000), ('SE', '', 25000),
    ('AU', '', 10000), ('JP', '', 10000), ('NZ', '', 15000);

INSERT INTO shipping_zones (country, currency, free_from) VALUES
    ('US', 'USD', 5000), ('', 'USD', NULL), ('DE', 'EUR', 5000), ('', 'EUR', NULL);

INSERT INTO shipping_bands (country, currency, grams_max, price) VALUES
    ('US', 'USD', 500, 499), ('US', 'USD', 2000, 799), ('US', 'USD', 10000, 1499), ('US', 'USD', 30000, 2999),
    ('', 'USD', 500, 1499), ('', 'USD', 2000, 2499), ('', 'USD', 10000, 4999), ('', 'USD', 30000, 9999),
    ('DE', 'EUR', 500, 390), ('DE', 'EUR', 2000, 590), ('DE', 'EUR', 10000, 1090), ('DE', 'EUR', 30000, 1990),
    ('', 'EUR', 500, 1290), ('', 'EUR', 2000, 1990), ('', 'EUR', 10000, 3990), ('', 'EUR', 30000, 7990);
