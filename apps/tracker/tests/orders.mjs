// Filling in the form, as a visitor would.

/** Chooses the restaurant that is open around the clock, and waits for its menu. */
export async function choose(page) {
  await page.getByRole('option', { name: /Pizza Paradise/ }).waitFor({ state: 'attached' });
  await page.getByLabel('Choose a restaurant').selectOption({ label: 'Pizza Paradise, italian' });
  await page.getByRole('button', { name: 'One more Margherita' }).waitFor();
}

/** Writes everything that an order needs into the form, by clicks and typing. */
export async function fillIn(page, { dish = 'Margherita', count = 1 } = {}) {
  await choose(page);
  const more = page.getByRole('button', { name: `One more ${dish}` });
  for (let i = 0; i < count; i += 1) await more.click();
  await page.getByLabel('Name', { exact: true }).fill('Ada');
  await page.getByLabel('Phone number').fill('+15550100');
  await page.getByLabel('Street and number').fill('1 Main St');
  await page.locator('#map').click({ position: { x: 200, y: 160 } });
}

/** Places what is in the form; answers the id of the order. */
export async function place(page) {
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.waitForURL(/#\/orders\//);
  return orderOn(page);
}

/** The id of the order that a page follows. */
export function orderOn(page) {
  return decodeURIComponent(new URL(page.url()).hash.split('/')[2]);
}

/** An order that nobody typed. */
export const ORDER = {
  restaurant_id: '1',
  items: [{ item_id: '1', quantity: 1 }],
  customer: { name: 'Bob', phone: '+15550101' },
  address: { line: '2 Main St', lat: 52.515, lon: 13.39 },
};
