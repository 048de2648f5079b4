// What the tests of the dashboard do again and again.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { until } from '../../testing/browser.mjs';

/** Opens a view, and waits until it is live. */
export async function open(browser, host, path = '/', options = {}) {
  const page = await browser.page(host.adminUrl(`/#${path}`), { viewport: { width: 1280, height: 800 }, ...options });
  await live(page);
  return page;
}

export async function live(page) {
  await page.locator('[data-connection=live]').waitFor();
  await until(page, () => !document.querySelector('main [aria-busy=true]'));
}

/** Asks the admin API, as an operator with curl would. */
export async function admin(host, method, path, { body, token } = {}) {
  const headers = { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(host.adminUrl(`/admin/v1${path}`), { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Deploys with the button and a file chooser; answers the dialog with what came of it. */
export async function deploy(page, file, { canary, message } = {}) {
  await page.getByRole('button', { name: 'Deploy …' }).click();
  const dialog = page.getByRole('dialog');
  const chooser = page.waitForEvent('filechooser');
  await dialog.getByLabel('Component', { exact: true }).click();
  await (await chooser).setFiles(file);
  await dialog.getByRole('heading', { name: `Deploy ${file.name.replace('.wasm', '')}` }).waitFor();
  if (canary) await dialog.getByLabel('Requests').selectOption({ label: `${canary} % as a canary` });
  if (message) await dialog.getByLabel('Why (optional)').fill(message);
  await dialog.getByRole('button', { name: /^Deploy/ }).click();
  await dialog.locator('[data-outcome], [data-problem]').first().waitFor();
  return dialog;
}

/** Presses a button that asks first, and says yes. */
export async function confirm(page, button, action) {
  await button.click();
  await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Drops a file onto the page, as from the desktop. */
export async function drop(page, { name, mimeType, buffer }) {
  await page.evaluate(([name, type, base64]) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { type }));
    for (const event of ['dragover', 'drop']) {
      document.body.dispatchEvent(new DragEvent(event, { dataTransfer, bubbles: true, cancelable: true }));
    }
  }, [name, mimeType, buffer.toString('base64')]);
}

/** Requests to the food services, some at a time, until the test is over; a failed one fails it. */
export function load(test, host, clients = 4) {
  let [going, failed] = [true, undefined];
  const order = {
    restaurant_id: '1', items: [{ item_id: '1', quantity: 1 }],
    customer: { name: 'Bob', phone: '+15550101' }, address: { line: '2 Main St', lat: 52.515, lon: 13.39 },
  };
  const paths = ['/restaurants', '/products', '/leaderboard/global', '/restaurants/1/menu'];
  const one = async (i) => {
    for (let n = i; going; n += 1) {
      try {
        if (n % 8 === 0) await host.ask('POST', '/orders', { body: order });
        else await fetch(host.url(`/api/v1${paths[n % paths.length]}`)).then((response) => response.text());
      } catch (error) {
        failed ??= error;
      }
    }
  };
  const running = Array.from({ length: clients }, (_, i) => one(i));
  test.after(async () => {
    going = false;
    await Promise.all(running);
    if (failed) throw failed;
  });
}

/** The names of the services that are built. */
export async function serviceNames() {
  const components = fileURLToPath(new URL('../../../components/', import.meta.url));
  const { readdir } = await import('node:fs/promises');
  const names = await readdir(components);
  const manifests = await Promise.all(names.map((name) => readFile(`${components}${name}/service.toml`, 'utf8').then(() => name, () => null)));
  return manifests.filter(Boolean).sort();
}
