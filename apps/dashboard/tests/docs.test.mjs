// The page at /docs of both listeners: what can be asked there, and that it is answered.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from '../../testing/browser.mjs';
import { Host } from '../../testing/host.mjs';
import { live } from './dashboard.mjs';

const TOKEN = '0123456789abcdef0123456789abcdef';

let host;
let browser;

before(async () => {
  host = await Host.start({ env: { THALI_ADMIN_TOKEN: TOKEN } });
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  await host?.remove();
});

/** Opens an operation, by the method and the path that it shows. */
async function operation(page, method, path) {
  const block = page.locator(`.opblock-${method}`).filter({ has: page.locator(`.opblock-summary-path[data-path="${path}"]`) });
  await block.locator('.opblock-summary-control').click();
  await block.locator('.opblock-body').waitFor();
  return block;
}

/** Sends the request of an opened operation, and waits for the status of its answer. */
async function execute(block, status) {
  await block.getByRole('button', { name: 'Execute' }).click();
  await block.locator('.live-responses-table .response-col_status', { hasText: String(status) }).first().waitFor();
}

/** Goes from the dashboard to a page of an API, which opens in a tab of its own. */
async function follow(page, href) {
  const opened = page.waitForEvent('popup');
  await page.locator(`a[href="${href}"]`).click();
  return opened;
}

test('the admin API is found from the dashboard, read, and tried out with the token', async () => {
  const dashboard = await browser.page(host.adminUrl('/#/api'));
  await live(dashboard);
  const page = await follow(dashboard, './docs/?api=admin');
  await page.getByRole('heading', { name: /^Thali's admin API/ }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'The host: admin API' }).getAttribute('aria-current'), 'page');

  const run = await operation(page, 'post', '/admin/v1/schedules/{service}/{name}/run');
  await run.locator('[data-param-name=service] input').fill('users');
  await run.locator('[data-param-name=name] input').fill('sweep');
  await execute(run, 401);

  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const dialog = page.locator('.auth-container');
  await dialog.locator('input').fill(TOKEN);
  await dialog.getByRole('button', { name: 'Apply credentials' }).click();
  await page.getByRole('button', { name: 'Close', exact: true }).click();
  await execute(run, 200);

  const status = await operation(page, 'get', '/admin/v1/services/{name}');
  await status.locator('[data-param-name=name] input').fill('orders');
  await execute(status, 200);
  await status.locator('.live-responses-table').getByText('"orders"').first().waitFor();
  await page.reload();
  await page.locator('.opblock').first().waitFor();
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0, 'the token is kept nowhere');
});

test('the services’ API can be read beside it, and tried out where they are', async () => {
  const page = await browser.page(host.adminUrl('/docs/'));
  const path = '/restaurants';
  const read = await operation(page, 'get', path);
  assert.equal(await read.getByRole('button', { name: 'Execute' }).count(), 0, 'the services are not on this listener');
  await page.getByRole('link', { name: 'The host: admin API' }).click();
  await page.locator('.opblock-summary-path[data-path="/admin/v1/services"]').first().waitFor();
  await page.getByRole('link', { name: 'The services' }).click();
  await page.locator(`.opblock-summary-path[data-path="${path}"]`).first().waitFor();

  const services = await browser.page(host.url('/docs/'));
  const tried = await operation(services, 'get', path);
  await execute(tried, 200);
  await tried.locator('.live-responses-table').getByText('Pizza Paradise').first().waitFor();
});

test('no page broke its policy, threw anything, or asked anybody else', () => {
  assert.deepEqual(browser.complaints, []);
});
