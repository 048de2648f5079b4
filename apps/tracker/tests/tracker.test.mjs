// The tracker as its visitors see it: two pages, one host, nothing in between.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  Browser, PATIENCE_MS, PHONE, fitsItsWindow, isAccessible, markerOn, picture, says, until,
} from '../../testing/browser.mjs';
import { Host } from '../../testing/host.mjs';
import { ORDER, choose, fillIn, orderOn, place } from './orders.mjs';

const COOK_AND_DRIVE = 'orders:write delivery:write';

let host;
let browser;

before(async () => {
  host = await Host.start({ site: 'apps/tracker/site' });
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  await host?.remove();
});

async function kitchen(scopes) {
  const page = await browser.page(host.url('/#/kitchen'));
  await page.getByLabel('Token').fill(await host.token('cook', scopes));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('[data-part=news][data-state=live]').waitFor();
  return page;
}

/** Presses the button on the card of an order, which must say this. */
async function press(page, id, name) {
  await page.locator(`[data-order="${id}"]`).getByRole('button', { name }).click();
}

/** Where the driver is drawn, once that is somewhere else than `before`. */
async function drawn(page, before) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const now = await markerOn(page, 'driver');
    if (now && !(before && Math.hypot(now.x - before.x, now.y - before.y) < 5)) return now;
  }
  return assert.fail('the driver is not drawn there');
}

/** An order that was placed without the page, and the page that follows it. */
async function followed(options) {
  const { id } = await host.ask('POST', '/orders', { body: ORDER });
  const page = await browser.page(host.url(`/#/orders/${id}`), options);
  await page.locator('[data-part=connection][data-state=live]').waitFor();
  await page.locator('[data-part=now]', { hasText: /\w/ }).waitFor();
  return { id, page };
}

async function finish(id) {
  const token = await host.token('root', 'admin');
  const { tracking_id: tracking } = await host.ask('GET', `/orders/${id}`);
  await host.ask('POST', `/delivery/${tracking}/pickup`, { token, body: {} });
  await host.ask('POST', `/delivery/${tracking}/complete`, { token, body: {} });
}

test('an order is placed, cooked, driven and delivered, and its customer sees it all', async () => {
  const customer = await browser.page(host.url());
  await fillIn(customer, { count: 2 });
  await until(customer, () => document.querySelector('[data-part=total]').textContent === '$25.98');
  await isAccessible(customer, 'the form');
  const id = await place(customer);
  await says(customer, 'now', 'Confirmed');
  await says(customer, 'items', '$25.98');
  const order = await host.ask('GET', `/orders/${id}`);
  assert.deepEqual(order.items.map(({ name, quantity }) => [name, quantity]), [['Margherita', 2]]);
  await says(customer, 'history', order.driver.name);

  const cook = await kitchen(COOK_AND_DRIVE);
  await press(cook, id, 'Start cooking');
  await says(customer, 'now', 'In the kitchen');
  await press(cook, id, 'Is ready');
  await says(customer, 'now', 'Ready to be picked up');
  await isAccessible(cook, 'the kitchen');
  await press(cook, id, 'Was picked up');
  await says(customer, 'now', 'On its way');
  assert.equal(await customer.getByRole('button', { name: 'Cancel the order' }).isVisible(), false);

  const token = await host.token('driver', 'delivery:write');
  const drive = (lat, lon) => host.ask('PUT', `/drivers/${order.driver.id}/location`, { token, body: { lat, lon } });
  await customer.locator('[data-place=driver]').waitFor();
  let seen = await drawn(customer);
  for (const [lat, lon] of [[52.519, 13.4], [52.5175, 13.396]]) {
    await drive(lat, lon);
    await says(customer, 'places', `${lat.toFixed(4)}, ${lon.toFixed(4)}`);
    seen = await drawn(customer, seen);
  }
  await says(customer, 'history', 'is at 52.5175, 13.3960');
  await isAccessible(customer, 'the order');

  await press(cook, id, 'Was delivered');
  await says(customer, 'now', 'Delivered');
  await customer.locator('[data-part=connection][data-state=over]').waitFor();
  await until(cook, (id) => !document.querySelector(`[data-order="${id}"]`), id);
  const history = await customer.locator('[data-part=history] li').allTextContents();
  const steps = ['Delivered', 'On its way', 'Ready', 'In the kitchen', 'Confirmed'];
  assert.deepEqual(steps.filter((step) => history.some((line) => line.includes(step))), steps);
  assert.ok(history.every((line) => /^\d\d:\d\d:\d\d /.test(line)), history.join('\n'));
});

test('a bad order shows its mistakes at their fields, and can be put right', async () => {
  const page = await browser.page(host.url());
  await choose(page);
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.part), 'problem', 'it has the focus');
  // The shape of the request is checked before its rules are.
  await page.locator('#lat[aria-invalid=true]').waitFor();
  await page.locator('#lon-mistake', { hasText: 'Longitude' }).waitFor();
  await isAccessible(page, 'the form with mistakes');

  await page.locator('#map').click({ position: { x: 150, y: 100 } });
  assert.equal(await page.locator('#lat[aria-invalid]').count(), 0, 'a field that is changed is wrong no more');
  await page.getByLabel('Phone number').fill('call me');
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.locator('#phone-mistake').waitFor();
  for (const id of ['name', 'line', 'phone', 'dish-0']) {
    const field = page.locator(`#${id}[aria-invalid=true]`);
    const described = await field.getAttribute('aria-describedby');
    assert.ok(described.split(' ').includes(`${id}-mistake`), `${id}: ${described}`);
  }
  await page.getByRole('link', { name: /^Phone/ }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'phone', 'a mistake leads to its field');
  await picture(page, 'mistakes');

  await fillIn(page);
  await page.getByLabel('By card').check();
  await page.getByLabel('Card number').fill('4000 0000 0000 0002');
  await page.getByLabel('Valid until').fill('12/39');
  await page.getByLabel('Security code').fill('123');
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('alert').filter({ hasText: /declined|refused/i }).waitFor();
  await page.getByLabel('Card number').fill('4242 4242 4242 4242');
  const id = await place(page);
  await says(page, 'now', 'Confirmed');
  await finish(id);
});

test('a restaurant that is closed says so where its menu would be', async () => {
  const token = await host.token('owner', 'restaurants:write');
  const page = await browser.page(host.url());
  await choose(page);
  await host.ask('POST', '/restaurants/2/close', { token, body: {} });
  const restaurants = page.getByLabel('Choose a restaurant');
  await restaurants.focus();
  await restaurants.selectOption({ label: 'Sakura Sushi, japanese' });
  await says(page, 'note', 'Sakura Sushi is closed now.');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'restaurant', 'the focus stays');
  await host.ask('POST', '/restaurants/2/open', { token, body: {} });
  await choose(page);
  await restaurants.selectOption({ label: 'Sakura Sushi, japanese' });
  await page.getByRole('button', { name: 'One more Miso Soup' }).waitFor();
  assert.equal(await page.locator('[data-part=note]').textContent(), '');
});

test('an order that got no answer is placed once, however often it is sent', async () => {
  const page = await browser.page(host.url());
  await fillIn(page);
  const [keys, placed] = [[], []];
  await page.route('**/api/v1/orders', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    const answer = await route.fetch();
    placed.push((await answer.json()).id);
    // The host has the order, and its answer is lost.
    if (keys.length === 1) await route.abort('connectionreset');
    else await route.fulfill({ response: answer });
  });
  await page.getByRole('button', { name: 'Place the order' }).click();
  await page.getByRole('alert').filter({ hasText: 'safe to try again' }).waitFor();
  const id = await place(page);
  assert.deepEqual(placed, [id, id]);
  assert.equal(keys[0], keys[1]);
  assert.match(keys[0], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  await finish(id);
});

test('an order can be called off, after a second thought', async () => {
  const { page } = await followed();
  const cancel = page.getByRole('button', { name: 'Cancel the order' });
  await cancel.first().click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  assert.equal(await page.getByRole('dialog').count(), 0);
  await cancel.first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the order' }).click();
  await says(page, 'now', 'Cancelled');
  await page.locator('[data-part=connection][data-state=over]').waitFor();
});

test('a page whose host goes away says so, and goes on when it is back', async () => {
  const { id, page } = await followed();
  const cook = await kitchen(COOK_AND_DRIVE);
  await host.stop();
  await page.locator('[data-part=connection][data-state=reconnecting]').waitFor();
  await cook.locator('[data-part=news][data-state=reconnecting]').waitFor();
  await host.startAgain();
  await page.locator('[data-part=connection][data-state=live]').waitFor();
  await cook.locator('[data-part=news][data-state=live]').waitFor();
  await press(cook, id, 'Start cooking');
  await says(page, 'now', 'In the kitchen');
  const history = await page.locator('[data-part=history] li').allTextContents();
  assert.equal(history.filter((line) => line.includes('Confirmed')).length, 1, 'nothing is told twice');
  await finish(id);
});

test('everything can be done with the keyboard alone', async () => {
  const page = await browser.page(host.url());
  await choose(page);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  /** Goes on with Tab until something has the focus; there are not so many things on the page. */
  const tabTo = async (name) => {
    for (let i = 0; i < 60; i += 1) {
      if (await focused() === name) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`${name} cannot be reached`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'main');
  const typed = { 'dish-0': '3', name: 'Ada', phone: '+15550100', line: '1 Main St', lat: '52.51', lon: '13.4' };
  for (const [id, text] of Object.entries(typed)) {
    await tabTo(id);
    await page.keyboard.press('Control+a');
    await page.keyboard.type(text);
  }
  await tabTo('Place the order');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/orders\//);
  await says(page, 'places', '52.5100, 13.4000');
  assert.equal(await focused(), 'main', 'whoever cannot see that the view changed is told by the focus');
  const id = orderOn(page);

  const cook = await kitchen(COOK_AND_DRIVE);
  const button = cook.locator(`[data-order="${id}"]`).getByRole('button');
  await button.focus();
  for (const [column, name] of [['preparing', 'Is ready'], ['ready', 'Was picked up']]) {
    await cook.keyboard.press('Enter');
    await cook.locator(`[aria-labelledby="column-${column}"] [data-order="${id}"]`).waitFor();
    await until(cook, (name) => document.activeElement.textContent === name, name);
  }
  await finish(id);
});

test('a kitchen is told what its token is not good for', async () => {
  const page = await browser.page(host.url('/#/kitchen'));
  const signIn = async (token) => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await signIn('nonsense');
  await page.getByRole('alert').filter({ hasText: 'not a token' }).waitFor();
  await signIn('eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjb29rIn0.AAAA');
  await page.getByRole('alert').filter({ hasText: 'not taken' }).waitFor();
  await signIn(await host.token('cook', 'orders:read'));
  await page.getByRole('alert').filter({ hasText: 'orders:write' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'what is refused is not kept');

  const { id } = await host.ask('POST', '/orders', { body: ORDER });
  const cook = await kitchen('orders:write');
  for (const name of ['Start cooking', 'Is ready']) await press(cook, id, name);
  const card = cook.locator(`[data-order="${id}"]`);
  await card.getByText('Your token does not have delivery:write').waitFor();
  assert.equal(await card.getByRole('button').isDisabled(), true);
  await cook.getByLabel('Orders of').selectOption({ label: 'Sakura Sushi' });
  await card.waitFor({ state: 'detached' });
  await cook.reload();
  await card.waitFor();
  await cook.getByRole('button', { name: 'Sign out' }).click();
  assert.equal(await cook.evaluate(() => sessionStorage.length), 0);
  await finish(id);
});

test('the driver moves smoothly, and at once for who wants no motion', async () => {
  const page = await browser.page(host.url());
  await page.clock.install();
  await page.evaluate(async () => {
    const { CityMap } = await import('/map.js');
    const canvas = document.createElement('canvas');
    canvas.style.width = canvas.style.height = '300px';
    document.body.prepend(canvas);
    globalThis.map = new CityMap(canvas, new AbortController().signal);
    globalThis.drive = (lat, lon) => globalThis.map.put('driver', { kind: 'driver', label: 'Rita', lat, lon });
    globalThis.drive(52.5, 13.4);
  });
  const drawn = () => page.evaluate(() => globalThis.map.drawn('driver'));
  await page.clock.pauseAt(Date.now() + 3_600_000);
  await page.evaluate(() => globalThis.drive(52.52, 13.42));
  assert.deepEqual(await drawn(), { lat: 52.5, lon: 13.4 });
  const seen = [];
  for (let i = 0; i < 3; i += 1) {
    await page.clock.runFor(250);
    seen.push((await drawn()).lat);
  }
  assert.ok(seen.every((lat, i) => lat > (seen[i - 1] ?? 52.5) && lat < 52.52), seen.join());
  await page.clock.runFor(250);
  assert.deepEqual(await drawn(), { lat: 52.52, lon: 13.42 });
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.evaluate(() => globalThis.drive(52.5, 13.4));
  assert.deepEqual(await drawn(), { lat: 52.5, lon: 13.4 });
});

test('the city is the same whatever part of it is looked at', async () => {
  const { streets } = await import('../site/streets.js');
  const whole = streets({ south: 52.5, west: 13.38, north: 52.52, east: 13.42 });
  const part = streets({ south: 52.51, west: 13.39, north: 52.52, east: 13.4 });
  const at = (lines) => lines.map((line) => line.at);
  assert.ok(at(part.rows).every((row) => at(whole.rows).includes(row)) && part.rows.length > 3);
  assert.ok(at(part.columns).every((column) => at(whole.columns).includes(column)));
  for (const span of [0.01, 1, 100]) {
    const { rows, columns } = streets({ south: 0, west: 0, north: span, east: span });
    assert.ok(rows.length < 33 && columns.length < 33, `${span}: ${rows.length} ${columns.length}`);
  }
});

test('every view is readable in light, in the dark, on a phone', async () => {
  const looks = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    phone: { colorScheme: 'light', viewport: PHONE, hasTouch: true },
  };
  for (const [look, options] of Object.entries(looks)) {
    const form = await browser.page(host.url(), options);
    await fillIn(form, { count: 2 });
    const { id, page } = await followed(options);
    await page.locator('[data-place=driver]').waitFor();
    const cook = await browser.page(host.url('/#/kitchen'), options);
    await cook.getByLabel('Token').fill(await host.token('cook', COOK_AND_DRIVE));
    await cook.getByRole('button', { name: 'Sign in' }).click();
    await cook.locator(`[data-order="${id}"]`).waitFor();
    for (const [name, view] of Object.entries({ form, order: page, kitchen: cook })) {
      await isAccessible(view, `${name}, ${look}`);
      await fitsItsWindow(view);
      await picture(view, `${name}-${look}`);
    }
    await finish(id);
  }
});

test('an order that is nobody’s, and a page that is none', async () => {
  const page = await browser.page(host.url('/#/orders/nothing'));
  await page.getByRole('alert').filter({ hasText: 'no order with this number' }).waitFor();
  await page.goto(host.url('/#/somewhere'));
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
});

test('no page broke its policy or threw anything', () => {
  assert.deepEqual(browser.complaints, []);
});
