// The dashboard as an operator sees it: overview, map, one service, and everything that can be clicked there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser, PATIENCE_MS, fitsItsWindow, isAccessible, picture, until } from '../../testing/browser.mjs';
import { Host } from '../../testing/host.mjs';
import { built, renamed, variant } from './component.mjs';
import { admin, confirm, deploy, drop, live, load, open, serviceNames } from './dashboard.mjs';

const TOKEN = '0123456789abcdef0123456789abcdef';

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

/** The row of a service in the overview. */
function row(page, name) {
  return page.locator(`[data-row="${name}"]`);
}

/** Writes down what the steps of a deploy go through in the page, and when it is told what came of it. */
async function watched(page) {
  await page.evaluate(() => {
    const seen = (globalThis.seen = []);
    const note = (what) => seen.includes(what) || seen.push(what);
    const look = () => {
      for (const { dataset } of document.querySelectorAll('[data-step]')) note(`${dataset.step} ${dataset.state}`);
      if (document.querySelector('[data-outcome]')) note('outcome');
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  return () => page.evaluate(() => globalThis.seen);
}

async function shares(name) {
  const { rollout } = await admin(host, 'GET', `/services/${name}`);
  return Object.fromEntries((rollout?.revisions ?? []).map(({ revision, percent }) => [revision, percent]));
}

test('the overview has every service, and what it does now', async (t) => {
  const page = await open(browser, host);
  const names = await serviceNames();
  await row(page, 'users').waitFor();
  assert.deepEqual(await page.locator('tbody tr').evaluateAll((rows) => rows.map((row) => row.dataset.row)), names);
  for (const name of names) await row(page, name).getByText('Running').waitFor();
  load(t, host);
  await until(page, () => Number(document.querySelector('[data-row=restaurants] td:nth-of-type(3)').textContent) > 0);
  await until(page, () => /ms/.test(document.querySelector('[data-row=restaurants] td:nth-of-type(7)').textContent));
  await page.getByRole('button', { name: 'Requests/s' }).click();
  assert.equal(await page.getByRole('columnheader', { name: 'Requests/s' }).getAttribute('aria-sort'), 'descending');
  await page.getByLabel('Filter by name').fill('rest');
  assert.deepEqual(await page.locator('tbody tr').evaluateAll((rows) => rows.map((row) => row.dataset.row)), ['restaurants']);
  await page.getByLabel('Filter by name').fill('nothing');
  await page.getByRole('heading', { name: 'No service is called that' }).waitFor();
});

test('the map says who calls and who hears whom, to eyes, ears and keyboards', async (t) => {
  const page = await open(browser, host, '/map');
  load(t, host);
  const calls = page.locator('[data-edge="call orders restaurants"]');
  await until(page, () => /[1-9][\d.]* per second/.test(document.querySelector('[data-edge="call orders restaurants"]').ariaLabel));
  assert.match(await calls.getAttribute('aria-label'), /orders calls restaurants through thali:restaurants\/quoting@1.0.0: .*circuit breaker closed/);
  await calls.focus();
  await page.locator('[data-part=facts]', { hasText: 'orders calls restaurants' }).waitFor();
  await page.locator('[data-edge="event orders notifications"]').waitFor();
  const boxes = await page.locator('.map .node rect').evaluateAll((rects) => rects.map((rect) => rect.getBoundingClientRect().toJSON()));
  assert.ok(boxes.length >= 13);
  for (const [i, a] of boxes.entries()) {
    const over = boxes.slice(i + 1).filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
    assert.equal(over.length, 0, 'no service is drawn over another');
  }
  await page.getByRole('table', { name: /connections/ }).getByRole('row', { name: /shop.*thali:payments\/charging/ }).waitFor();
  await page.getByRole('link', { name: /^pricing / }).click();
  await page.getByRole('heading', { name: 'pricing', level: 1 }).waitFor();
});

test('a breaker is held open by an operator, and everybody sees it', async () => {
  const page = await open(browser, host, '/services/shop');
  const map = await open(browser, host, '/map');
  const held = page.getByLabel('Breaker of thali:pricing/calculating@1.0.0');
  await held.selectOption({ label: 'Held open' });
  await page.getByRole('dialog').getByRole('button', { name: 'Hold it open' }).click();
  await until(page, () => [...document.querySelectorAll('select')].some((select) => select.value === 'open'));
  await map.locator('[data-edge="call shop pricing"][aria-label*="held open"]').waitFor();
  await map.locator('.edge.label', { hasText: 'held open' }).waitFor();
  await held.selectOption({ label: 'By itself' });
  await page.getByRole('dialog').getByRole('button', { name: 'Let go of it' }).click();
  await map.locator('[data-edge="call shop pricing"][aria-label*="breaker closed"]').waitFor();
});

test('a component that is chosen is deployed, step by step', async () => {
  const page = await open(browser, host);
  const dialog = await deploy(page, await variant('pricing', 'one'), { message: 'cheaper' });
  await dialog.locator('[data-outcome=created]').waitFor();
  for (const step of ['validate', 'contracts', 'compile', 'swap']) await dialog.locator(`[data-step=${step}][data-state=done]`).waitFor();
  await isAccessible(page, 'a deploy');
  await dialog.getByRole('button', { name: 'Go to pricing' }).click();
  const history = page.getByRole('table', { name: 'Changes, the newest first' });
  await history.getByText('cheaper').waitFor();
  await page.locator('[aria-label=Revisions] [data-row=v2]', { hasText: '100 %' }).waitFor();
  const { revision } = await admin(host, 'GET', '/services/pricing');
  assert.equal(revision, 2);
});

test('a canary gets more by a slider, and everything in the end', async () => {
  const page = await open(browser, host, '/services/products');
  const dialog = await deploy(page, await variant('products', 'canary'), { canary: 10 });
  await dialog.locator('[data-outcome=canary]').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  const slider = page.getByRole('slider', { name: 'v2, the canary' });
  await slider.waitFor();
  assert.deepEqual(await shares('products'), { 1: 90, 2: 10 });
  await slider.focus();
  for (let i = 0; i < 15; i += 1) await page.keyboard.press('ArrowRight');
  assert.equal(await slider.getAttribute('aria-valuetext'), '25 percent for revision 2, 75 percent for revision 1');
  await page.getByRole('button', { name: 'Apply …' }).click();
  await page.getByRole('dialog').getByText('v2: 10 % → 25 %').waitFor();
  await page.getByRole('dialog').getByText('v1 (stable): 90 % → 75 %').waitFor();
  assert.deepEqual(await shares('products'), { 1: 90, 2: 10 }, 'nothing happens before yes is said');
  await page.getByRole('dialog').getByRole('button', { name: 'Apply', exact: true }).click();
  await page.locator('[data-part=traffic] [data-row=v2]', { hasText: '25 %' }).waitFor();
  assert.deepEqual(await shares('products'), { 1: 75, 2: 25 });
  const overview = await open(browser, host);
  await row(overview, 'products').getByText('Rolling out').waitFor();
  await row(overview, 'products').getByText('25 %').waitFor();
  await isAccessible(page, 'a rollout');
  await confirm(page, page.getByRole('button', { name: 'Promote revision 2' }), 'Promote');
  await page.locator('[data-part=traffic]').waitFor({ state: 'detached' });
  const { revision, rollout } = await admin(host, 'GET', '/services/products');
  assert.deepEqual([revision, rollout], [2, undefined]);
});

test('a rollback leads back, a rollout can be called off', async () => {
  const page = await open(browser, host, '/services/inventory');
  for (const [note, canary] of [['stays', undefined], ['goes', 25]]) {
    const dialog = await deploy(page, await variant('inventory', note), { canary });
    await dialog.getByRole('button', { name: 'Close' }).click();
  }
  await page.getByRole('slider').waitFor();
  await confirm(page, page.getByRole('button', { name: 'Call off …' }), 'Call it off');
  await page.locator('[data-part=traffic]').waitFor({ state: 'detached' });
  assert.equal((await admin(host, 'GET', '/services/inventory')).revision, 2);
  await confirm(page, page.getByRole('button', { name: 'Roll back …' }), 'Roll back');
  await page.locator('[aria-label=Revisions] [data-row=v1]', { hasText: '100 %' }).waitFor();
  assert.equal((await admin(host, 'GET', '/services/inventory')).revision, 1);
  await confirm(page, page.getByRole('button', { name: 'Bring back revision 2' }), 'Give it 10 %');
  await page.getByRole('slider', { name: 'v2, the canary' }).waitFor();
  assert.deepEqual(await shares('inventory'), { 1: 90, 2: 10 });
  await confirm(page, page.getByRole('button', { name: 'Call off …' }), 'Call it off');
});

test('a deploy that would break a caller is refused, with both types side by side', async () => {
  const page = await open(browser, host);
  const dialog = await deploy(page, await renamed('restaurants', 'restaurant-id', 'restaurant-no'));
  await dialog.locator('[data-problem=contract_mismatch]').waitFor();
  await dialog.locator('[data-step=contracts][data-state=failed]').waitFor();
  const difference = dialog.locator('[data-diff="orders quoting.quote-order"]');
  assert.deepEqual(await difference.locator('mark').allTextContents(), ['restaurant-id', 'restaurant-no']);
  assert.match(await difference.textContent(), /orders calls quoting.quote-order of restaurants.*orders expects.*restaurants has/s);
  await isAccessible(page, 'a refusal');
  await picture(page, 'dashboard-refused');
  const { revision } = await admin(host, 'GET', '/services/restaurants');
  assert.equal(revision, 1, 'nothing has changed');
});

test('a component is deployed by dropping it, and what is none is refused', async () => {
  const page = await open(browser, host);
  await drop(page, await variant('users', 'dropped'));
  const dialog = page.getByRole('dialog', { name: 'Deploy users' });
  await dialog.getByText('Live now: revision 1').waitFor();
  const seen = await watched(page);
  await dialog.getByRole('button', { name: 'Deploy', exact: true }).click();
  await dialog.locator('[data-outcome=created]').waitFor();
  const states = await seen();
  for (const state of ['upload to_come', 'compile begun', 'compile done']) assert.ok(states.includes(state), `${state}: ${states}`);
  assert.ok(states.indexOf('compile begun') < states.indexOf('outcome'), 'steps are shown while they happen');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await row(page, 'users').getByText('v2').waitFor();
  await drop(page, { name: 'notes.wasm', mimeType: 'application/wasm', buffer: Buffer.from('not a component') });
  const other = page.getByRole('dialog');
  await other.getByText('This does not look like a service').waitFor();
  await other.getByRole('button', { name: 'Deploy', exact: true }).click();
  await other.locator('[data-problem=not_a_component]').waitFor();
});

test('a service is removed once its name is typed, its callers do without, and it comes back', async () => {
  const map = await open(browser, host, '/map');
  const page = await open(browser, host, '/services/players');
  await page.getByRole('button', { name: 'Remove …' }).click();
  const dialog = page.getByRole('dialog');
  const button = dialog.getByRole('button', { name: 'Remove', exact: true });
  assert.equal(await button.isDisabled(), true);
  await dialog.getByLabel(/^Type/).fill('players');
  await button.click();
  await page.getByRole('heading', { name: 'Services' }).waitFor();
  await row(page, 'players').waitFor({ state: 'detached' });
  await map.locator('[data-edge="call achievements ?thali:players/profiles@1.0.0"]').waitFor();
  await map.getByRole('region', { name: 'Missing providers' }).getByText('achievements').waitFor();
  const deployed = await deploy(page, await built('players'));
  await deployed.locator('[data-outcome=created]').waitFor();
  await deployed.getByRole('button', { name: 'Close' }).click();
  await row(page, 'players').getByText('Running').waitFor();
  await map.locator('[data-edge="call achievements players"]').waitFor();
});

test('everything can be done with the keyboard alone', async () => {
  const page = await open(browser, host);
  const focused = () => page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent.trim());
  const tabTo = async (name) => {
    for (let i = 0; i < 120; i += 1) {
      if (await focused() === name) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`${name} cannot be reached`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await tabTo('leaderboard');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'leaderboard', level: 1 }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the focus says that the view has changed');
  await tabTo('Deploy …');
  await page.keyboard.press('Enter');
  const chooser = page.waitForEvent('filechooser');
  await page.getByLabel('Component', { exact: true }).waitFor();
  await until(page, () => document.querySelector('dialog').contains(document.activeElement));
  for (let i = 0; i < 8 && !(await page.evaluate(() => document.activeElement.type === 'file')); i += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(await variant('leaderboard', 'by keys'));
  await page.getByRole('heading', { name: 'Deploy leaderboard' }).waitFor();
  await tabTo('Deploy');
  await page.keyboard.press('Enter');
  await page.locator('[data-outcome=created]').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(), 'Deploy …', 'the focus is where it was');
});

test('a page whose host goes away says so, and goes on when it is back', async () => {
  const page = await open(browser, host);
  await host.stop();
  await page.locator('[data-connection=lost]').waitFor();
  await host.startAgain();
  await live(page);
  await row(page, 'orders').getByText('Running').waitFor();
});

test('without the token everything can be seen, and nothing changed', async () => {
  const guarded = await Host.start({ env: { THALI_ADMIN_TOKEN: TOKEN } });
  try {
    const page = await open(browser, guarded);
    await page.getByText('Read-only').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Deploy …' }).isDisabled(), true);
    const schedules = await open(browser, guarded, '/schedules');
    assert.equal(await schedules.getByRole('button', { name: 'Run now: sweep of users' }).isDisabled(), true);
    await schedules.goto(guarded.adminUrl('/#/logs'));
    await schedules.getByRole('alert').getByRole('button', { name: 'Sign in' }).waitFor();
    await schedules.close();
    await drop(page, await variant('users', 'unasked'));
    const dialog = page.getByRole('dialog', { name: 'Sign in' });
    await dialog.getByLabel('Admin token').fill('f'.repeat(32));
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await dialog.getByRole('alert').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'what is refused is not kept');
    await isAccessible(page, 'signing in');
    await dialog.getByLabel('Admin token').fill(TOKEN);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await dialog.waitFor({ state: 'detached' });
    await live(page);
    const deployed = await deploy(page, await variant('users', 'asked'));
    await deployed.locator('[data-outcome=created]').waitFor();
    await deployed.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('Read-only').waitFor();
    await live(page);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  } finally {
    await guarded.remove();
  }
});

test('every view is readable in light, in the dark, on a phone', async (t) => {
  load(t, host, 2);
  const looks = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    phone: { colorScheme: 'light', viewport: { width: 360, height: 740 }, hasTouch: true },
    'phone-dark': { colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true },
  };
  const paths = { overview: '/', map: '/map', service: '/services/orders' };
  for (const [look, options] of Object.entries(looks)) {
    for (const [name, path] of Object.entries(paths)) {
      const page = await open(browser, host, path, options);
      await page.locator('main h1').waitFor();
      await isAccessible(page, `${name}, ${look}`);
      await fitsItsWindow(page);
      await picture(page, `dashboard-${name}-${look}`);
      await page.close();
    }
  }
});

test('the colours are the system’s until somebody chooses', async () => {
  const page = await open(browser, host, '/', { colorScheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.getByLabel('Colours').selectOption({ label: 'Light' });
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await live(page);
  assert.equal(await ground(), light);
});

test('a path that is none says so, and a service that is none, too', async () => {
  const page = await open(browser, host, '/somewhere');
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  await page.goto(host.adminUrl('/#/services/nobody'));
  await page.getByRole('alert').filter({ hasText: 'There is no such service' }).waitFor({ timeout: PATIENCE_MS });
});

test('no page broke its policy, threw anything, or asked anybody else', () => {
  assert.deepEqual(browser.complaints, []);
});
