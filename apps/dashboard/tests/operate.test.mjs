// The dashboard as an operator sees it: traces, events and their dead letters, databases, schedules, logs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser, fitsItsWindow, isAccessible, picture, until } from '../../testing/browser.mjs';
import { Host } from '../../testing/host.mjs';
import { admin, confirm, open } from './dashboard.mjs';
import { benchComponent } from './pack.mjs';

const ORDER = {
  restaurant_id: '1',
  items: [{ item_id: '1', quantity: 1 }],
  customer: { name: 'Bob', phone: '+15550101' },
  address: { line: '2 Main St', lat: 52.515, lon: 13.39 },
  payment: { method: { card: { number: '4242424242424242', expiry: '12/40', cvc: '123' } } },
};

const VIEWS = ['traces', 'events', 'databases', 'databases/orders', 'schedules', 'logs', 'api'];

let host;
let browser;

before(async () => {
  host = await Host.start();
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  await host?.remove();
});

/** Publishes events that a subscriber refuses until somebody mends it: so many dead letters. */
async function deadLetters(count) {
  for (const name of ['announcer', 'listener']) {
    const response = await fetch(host.adminUrl('/admin/v1/services'), { method: 'POST', body: await benchComponent(name) });
    assert.ok(response.ok, await response.text());
  }
  await host.ask('POST', '/listener/refuse', { body: { reason: 'the printer is on fire' } });
  await host.ask('POST', '/announcer/announce', { body: { key: 'fragile', first: 0, count } });
}

/** The id of the trace of an order. */
async function newestTrace() {
  await host.ask('POST', '/orders', { body: ORDER });
  return (await admin(host, 'GET', '/traces?route=/api/v1/orders&limit=1')).items[0].trace_id;
}

async function heard() {
  const heard = await host.ask('GET', '/listener/heard/fragile');
  return heard.map(({ number }) => number);
}

/** The id of the nth span of `wide`. */
function id(n) {
  return n.toString(16).padStart(16, '0');
}

/** A trace of so many spans: one of the gateway, below it every tenth, below each of these the nine that follow. */
function wide(count) {
  const span = (n) => ({
    span_id: id(n), parent_id: n === 0 ? null : id(n % 10 === 1 ? 0 : n - ((n - 1) % 10)), name: `work ${n}`, kind: n === 0 ? 'server' : 'internal',
    service: n === 0 ? null : ['orders', 'shop', 'users'][n % 3], revision: n === 0 ? null : 1, start_us: n * 10, duration_us: n === 0 ? 10_000 : 90,
    status: n === 7 ? 'error' : 'unset', message: n === 7 ? 'it broke' : null, attributes: { n }, links: [],
  });
  return {
    trace_id: 'b'.repeat(32), started_at: new Date().toISOString(), duration_ms: 10, dropped_spans: 0,
    spans: Array.from({ length: count }, (_, n) => span(n)),
  };
}

test('dead letters are looked at, redriven and forgotten by clicks', async () => {
  await deadLetters(4);
  const page = await open(browser, host, '/events');
  const subscription = page.locator('[data-row="announcer/bench:announcer/events@1/listener"]');
  await subscription.getByText('4 dead letters').waitFor();
  await subscription.getByText('the printer is on fire').waitFor();
  const letters = page.getByRole('button', { name: 'announced fragile, for listener' });
  await until(page, () => document.querySelectorAll('[data-part=letters] tbody tr').length === 4);

  await letters.first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('region', { name: 'Payload' }).getByText('"number": 0').waitFor();
  await dialog.getByText('the printer is on fire').waitFor();
  await isAccessible(page, 'a dead letter');
  await picture(page, 'dead-letter');

  // Mended, so what is redriven is heard.
  await host.ask('POST', '/listener/refuse', { body: {} });
  await dialog.getByRole('button', { name: 'Redrive' }).click();
  await page.getByRole('dialog', { name: 'Deliver 1 dead letter again?' }).getByRole('button', { name: 'Redrive', exact: true }).click();
  await page.getByText('One event is delivered again.').waitFor();
  await subscription.getByText('3 dead letters').waitFor();
  assert.deepEqual(await heard(), [0]);

  await page.getByRole('checkbox', { name: /^Choose announced/ }).first().check();
  await page.getByText('1 letter chosen').waitFor();
  await confirm(page, page.getByRole('button', { name: 'Discard chosen' }), 'Discard');
  await page.getByText('One event is forgotten.').waitFor();
  await subscription.getByText('2 dead letters').waitFor();

  await confirm(page, page.getByRole('button', { name: 'Redrive all for listener' }), 'Redrive');
  await page.getByText('2 events are delivered again.').waitFor();
  await subscription.getByText('Up to date').waitFor();
  await page.getByRole('heading', { name: 'No dead letters' }).waitFor();
  assert.equal((await heard()).length, 3);
});

test('many dead letters are only forgotten by whoever types how many', async () => {
  await host.ask('POST', '/listener/refuse', { body: { reason: 'no paper' } });
  await host.ask('POST', '/announcer/announce', { body: { key: 'fragile-b', first: 0, count: 3 } });
  const page = await open(browser, host, '/events');
  const subscription = page.locator('[data-row="announcer/bench:announcer/events@1/listener"]');
  await subscription.getByText('3 dead letters').waitFor();
  await page.getByRole('button', { name: 'Discard all for listener' }).click();
  const discard = page.getByRole('dialog').getByRole('button', { name: 'Discard', exact: true });
  assert.ok(await discard.isDisabled());
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await subscription.getByText('3 dead letters').waitFor();
  await page.getByRole('button', { name: 'Discard all for listener' }).click();
  await page.getByRole('dialog').getByLabel('Type 3 to go on').fill('3');
  await discard.click();
  await page.getByText('3 events are forgotten.').waitFor();
  assert.deepEqual((await admin(host, 'GET', '/events/dead')).items, []);
});

test('a database is looked into, and an error is shown at its statement', async () => {
  await host.ask('POST', '/orders', { body: ORDER });
  const page = await open(browser, host, '/databases');
  await page.getByRole('link', { name: 'orders', exact: true }).click();
  await page.getByRole('button', { name: 'Look into orders', exact: true }).click();
  const results = page.locator('.result');
  await results.getByRole('table').getByText('Bob').first().waitFor();
  assert.match(await page.getByLabel('SQL').inputValue(), /^SELECT \* FROM orders LIMIT 50$/);

  await page.getByLabel('SQL').fill("SELECT 9007199254740993 AS large, 'a;b' AS text;\n-- no; statement\nSELECT nothing FROM nowhere; SELECT 1");
  await page.keyboard.press('Control+Enter');
  await results.nth(1).getByRole('alert').waitFor();
  assert.equal(await results.count(), 2, 'what follows an error is not run');
  assert.deepEqual(await results.first().getByRole('cell').allTextContents(), ['9007199254740993', 'a;b']);
  await results.nth(1).getByRole('button', { name: 'Show it in the query' }).click();
  assert.equal(await page.evaluate(() => getSelection().toString()), 'SELECT nothing FROM nowhere');
  await isAccessible(page, 'a query with an error');

  await page.getByLabel('SQL').fill('DELETE FROM orders');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await results.getByRole('alert').waitFor();
  await page.getByLabel('SQL').fill('SELECT count(*) FROM orders');
  await page.keyboard.press('Control+Enter');
  await results.getByRole('cell', { name: '1', exact: true }).waitFor();

  await page.getByLabel('SQL').focus();
  for (let back = 0; back < 3; back += 1) await page.keyboard.press('Alt+ArrowUp');
  assert.match(await page.getByLabel('SQL').inputValue(), /^SELECT 9007199254740993/);
  await page.getByLabel('SQL').fill('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) SELECT i FROM n');
  await page.keyboard.press('Control+Enter');
  await page.getByText('The first 500 of 2,000 rows are shown').waitFor();
  assert.equal(await results.getByRole('row').count(), 501);
});

test('the story of one order is one trace, found and read by clicks', async () => {
  const page = await open(browser, host, '/traces');
  await host.ask('POST', '/orders', { body: ORDER });
  await page.getByLabel('Service').selectOption('orders');
  await page.getByLabel('Route').fill('/api/v1/orders');
  await page.getByRole('link', { name: 'POST /api/v1/orders' }).first().click();
  await page.getByRole('heading', { name: 'POST /api/v1/orders', level: 1 }).waitFor();
  const grid = page.getByRole('treegrid');
  // Events are delivered when the order is answered already: the page is open, and their spans come.
  await grid.locator('[data-span]', { hasText: 'send text message' }).waitFor();
  for (const service of ['gateway', 'orders', 'restaurants', 'payments', 'delivery', 'notifications']) {
    await grid.locator('.wf-service', { hasText: service }).first().waitFor({ state: 'attached' });
  }
  const trace = new URL(page.url()).hash.split('/')[2];
  const { spans } = await admin(host, 'GET', `/traces/${trace}`);
  const details = page.getByLabel('The chosen span');
  const look = async (span) => {
    await grid.locator(`[data-span="${span.span_id}"] .wf-what`).click();
    await details.getByRole('heading', { name: span.name }).waitFor();
  };
  for (const provider of ['restaurants', 'payments', 'delivery']) {
    const call = spans.find(({ kind, service, attributes }) => kind === 'client' && service === 'orders' && attributes['server.address'] === provider);
    await look(call);
    const within = spans.find(({ parent_id }) => parent_id === call.span_id);
    assert.deepEqual([within.kind, within.service], ['server', provider]);
  }
  const insert = spans.find(({ name, service }) => name === 'INSERT' && service === 'notifications');
  await look(insert);
  await details.getByText('INSERT INTO contacts').waitFor();
  const delivery = spans.find(({ kind, service }) => kind === 'consumer' && service === 'notifications');
  await look(delivery);
  const publish = spans.find(({ span_id }) => span_id === delivery.links[0].span_id);
  assert.equal(publish.kind, 'producer');
  await details.getByRole('button', { name: publish.name }).click();
  await details.getByRole('heading', { name: publish.name }).waitFor();
  assert.equal(await grid.locator('[aria-selected=true]').getAttribute('data-span'), publish.span_id);
  await details.getByRole('button', { name: 'Zoom to its time' }).click();
  await page.getByRole('button', { name: 'Show the whole time' }).click();
  await isAccessible(page, 'a trace');
  await page.getByRole('link', { name: 'Logs of this request' }).click();
  await page.getByText('Following').waitFor();
  assert.equal(await page.getByRole('searchbox', { name: 'Trace' }).inputValue(), trace);
});

test('logs follow what happens, wait while somebody reads, and lead to its trace', async () => {
  const page = await open(browser, host, '/logs?service=notifications');
  await page.getByText('Following').waitFor();
  const told = (phone) => page.getByRole('log').locator('.log-line', { hasText: 'your order is confirmed' }).filter({ hasText: phone });
  const order = (phone) => host.ask('POST', '/orders', { body: { ...ORDER, customer: { name: 'Ada', phone } } });
  const [first, second] = ['+15550201', '+15550202'];
  await order(first);
  await told(first).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await order(second);
  await page.getByText('Paused, 1 new line').waitFor();
  assert.equal(await told(second).count(), 0, 'nothing moves under the eyes of whoever reads');
  await isAccessible(page, 'logs that wait');
  await page.getByRole('button', { name: 'Go on' }).click();
  await told(second).waitFor();

  await page.getByLabel('At least').selectOption('warn');
  await page.getByRole('heading', { name: 'No line is like that' }).waitFor();
  await page.getByLabel('At least').selectOption('');
  await page.getByLabel('Service').selectOption('orders');
  const line = page.getByRole('log').locator('.log-line', { hasText: 'path=/api/v1/orders ' }).last();
  await line.getByRole('link', { name: /^trace of/ }).click();
  await page.getByRole('heading', { name: 'POST /api/v1/orders', level: 1 }).waitFor();
});

test('only traces that are asked for are listed', async () => {
  await host.ask('GET', '/restaurants');
  const missing = await fetch(host.url('/api/v1/orders/nobody'));
  assert.equal(missing.status, 404);
  const page = await open(browser, host, '/traces');
  await page.getByRole('link', { name: 'GET /api/v1/restaurants' }).first().waitFor();
  await page.getByRole('link', { name: 'GET /api/v1/orders/{id}' }).first().waitFor();
  await page.getByLabel('Route').fill('/api/v1/restaurants');
  await page.getByRole('link', { name: 'GET /api/v1/orders/{id}' }).first().waitFor({ state: 'detached' });
  assert.match(page.url(), /route=/, 'the address says it');
  await page.getByLabel('Slower than (ms)').fill('100000');
  await page.getByRole('heading', { name: 'No trace is like that' }).waitFor();
  await page.getByLabel('Slower than (ms)').fill('soon');
  await page.getByRole('alert').getByText('min_ms').waitFor();
  await page.goto(host.adminUrl(`/#/traces/${'0'.repeat(31)}1`));
  await page.getByRole('heading', { name: 'This trace is not kept any more' }).waitFor();
});

test('a trace of five hundred spans is walked and folded with the keyboard alone', async () => {
  const trace = wide(500);
  const page = await open(browser, host, '/schedules');
  await page.route(`**/admin/v1/traces/${trace.trace_id}`, (route) => route.fulfill({ json: trace }));
  await page.goto(host.adminUrl(`/#/traces/${trace.trace_id}`));
  const grid = page.getByRole('treegrid');
  const spans = grid.locator('[data-span]');
  await spans.nth(499).waitFor({ state: 'attached' });
  const chosen = grid.locator('[aria-selected=true]');
  const is = async (span, level, what) => {
    assert.equal(await chosen.getAttribute('data-span'), id(span), what);
    assert.equal(await chosen.getAttribute('aria-level'), String(level), what);
    assert.ok(await chosen.evaluate((row) => row === document.activeElement && row.tabIndex === 0), what);
    assert.equal(await grid.locator('[tabindex="0"]').count(), 1, 'one stop for Tab');
  };

  await chosen.focus();
  await is(0, 1, 'the first is chosen at first');
  await page.keyboard.press('ArrowRight');
  await is(1, 2, 'right goes in');
  await page.keyboard.press('ArrowDown');
  await is(2, 3, 'down is the next line');
  await page.keyboard.press('ArrowLeft');
  await is(1, 2, 'left of what has nothing in it goes out');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await chosen.getAttribute('aria-expanded'), 'false');
  assert.equal(await spans.count(), 491, 'its nine lines are folded');
  await page.keyboard.press('ArrowDown');
  await is(11, 2, 'down passes what is folded');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  assert.equal(await spans.count(), 500);
  await page.keyboard.press('End');
  await is(499, 3, 'the end');
  await page.getByLabel('The chosen span').getByText('work 499').waitFor();
  assert.ok(await chosen.evaluate((row) => row.getBoundingClientRect().bottom <= innerHeight), 'it is in sight');

  const median = await page.evaluate(async () => {
    const took = [];
    for (let i = 0; i < 60; i += 1) {
      const begun = performance.now();
      document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp', bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      took.push(performance.now() - begun);
    }
    return took.sort((a, b) => a - b)[30];
  });
  // Two frames on a machine with nothing else to do; here tests of others run beside it.
  assert.ok(median < 250, `${median} ms for a line`);
  await isAccessible(page, 'a long trace');
});

test('a schedule is run now', async () => {
  const page = await open(browser, host, '/schedules?service=users');
  const row = page.locator('[data-row="users/sweep"]');
  const before = (await admin(host, 'GET', '/schedules?service=users')).items[0].runs;
  await row.getByRole('button', { name: 'Run now: sweep of users' }).click();
  await page.getByText(/^sweep of users ran/).waitFor();
  await row.getByText('Done').waitFor();
  assert.ok((await admin(host, 'GET', '/schedules?service=users')).items[0].runs > before);
  assert.equal(await page.locator('tbody tr').count(), 1, 'only those of the service');
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 360]) {
    test(`every view is accessible and fits, ${colorScheme} and ${width} wide`, async () => {
      for (const view of [...VIEWS, `traces/${await newestTrace()}`]) {
        const page = await open(browser, host, `/${view}`, { colorScheme, viewport: { width, height: 800 } });
        await page.locator('h1').waitFor();
        await isAccessible(page, `${view}, ${colorScheme}, ${width}`);
        await fitsItsWindow(page);
        await page.context().close();
      }
    });
  }
}

test('no page complained', () => {
  assert.deepEqual(browser.complaints, []);
});
