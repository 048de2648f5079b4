-- Three products; `inventory` has their stock.
INSERT INTO products
    (id, name, description, category, price, currency, tags, weight_grams, category_key, search) VALUES
    ('1', 'Python T-Shirt', 'Soft cotton, with a friendly snake', 'Clothing', 1999, 'USD', 'python
programming
cotton', 200, 'clothing', 'python t-shirt
soft cotton, with a friendly snake
clothing
python
programming
cotton'),
    ('2', 'Coffee Mug', 'Holds 350 ml, survives the dishwasher', 'Kitchen', 1299, 'USD', 'coffee
ceramic', 400, 'kitchen', 'coffee mug
holds 350 ml, survives the dishwasher
kitchen
coffee
ceramic'),
    ('3', 'Mechanical Keyboard', 'Clicks with every key', 'Electronics', 8999, 'USD', 'keyboard
programming
usb', 1100, 'electronics', 'mechanical keyboard
clicks with every key
electronics
keyboard
programming
usb')
ON CONFLICT DO NOTHING;
