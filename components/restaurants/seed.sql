-- Three restaurants in Berlin. Two are open around the clock, so that an order can always be tried;
-- the third is open from 11:30 to 23:00.
INSERT INTO restaurants (id, name, cuisine, lat, lon, x, y, z, switched_open, time_zone, hours) VALUES
    ('1', 'Pizza Paradise', 'italian', 52.52, 13.405, 0.5919066962046825, 0.1410666519079721, 0.7935657897789777,
     TRUE, 'Europe/Berlin', NULL),
    ('2', 'Sakura Sushi', 'japanese', 52.5163, 13.3777, 0.5920236982221292, 0.14079646374248284, 0.7935264939124623,
     TRUE, 'Europe/Berlin', NULL),
    ('3', 'Curry Corner', 'indian', 52.4986, 13.4033, 0.5921991642603348, 0.14111778581389928, 0.7933384652065874,
     TRUE, 'Europe/Berlin', '690-1380,2130-2820,3570-4260,5010-5700,6450-7140,7890-8580,9330-10020')
ON CONFLICT DO NOTHING;

INSERT INTO menu_items (restaurant_id, position, id, name, description, price, currency, available) VALUES
    ('1', 0, '1', 'Margherita', 'Tomato, mozzarella, basil', 1299, 'USD', TRUE),
    ('1', 1, '2', 'Pepperoni', 'Tomato, mozzarella, pepperoni', 1499, 'USD', TRUE),
    ('2', 0, '1', 'Salmon Nigiri', 'Eight pieces of salmon on rice', 1590, 'USD', TRUE),
    ('2', 1, '2', 'Avocado Maki', 'Six rolls of avocado and sesame', 690, 'USD', TRUE),
    ('2', 2, '3', 'Miso Soup', 'With tofu and wakame', 450, 'USD', TRUE),
    ('3', 0, '1', 'Chicken Tikka Masala', 'With basmati rice', 1390, 'USD', TRUE),
    ('3', 1, '2', 'Palak Paneer', 'Spinach and fresh cheese, with basmati rice', 1190, 'USD', TRUE),
    ('3', 2, '3', 'Garlic Naan', 'From the tandoor', 350, 'USD', TRUE)
ON CONFLICT DO NOTHING;
