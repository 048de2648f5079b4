#!/usr/bin/env node
// Takes the pictures of docs/dashboard.md anew, of a host under the load of thali-demo. Wants what
// `just build build-components` makes, and the browser that `just test-browser` has brought.

import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Browser } from '../../testing/browser.mjs';
import { Host } from '../../testing/host.mjs';
import { renamed, variant } from './component.mjs';
import { deploy, live } from './dashboard.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const images = `${root}docs/images/`;

/** How long there is load before the first picture: half a chart's width. */
const WARM_UP_MS = Number(process.env.WARM_UP_MS ?? 300_000);

const PICTURE_BYTES_MAX = 150_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await mkdir(images, { recursive: true });
const host = await Host.start();
const browser = await Browser.start();
const token = await host.token('demo', 'admin');
const demo = spawn(`${root}target/release/thali-demo`, ['--url', host.url('').replace(/\/$/, ''), '--seconds', '3600'], {
  env: { ...process.env, THALI_DEMO_TOKEN: token }, stdio: 'ignore',
});

async function page(path, options) {
  const opened = await browser.page(host.adminUrl(`/#${path}`), { viewport: { width: 1280, height: 800 }, ...options });
  await live(opened);
  return opened;
}

async function keep(opened, name) {
  const { length: size } = await opened.screenshot({ path: `${images}${name}.png` });
  console.log(`${name}.png: ${size} bytes`);
  if (size > PICTURE_BYTES_MAX) process.exitCode = 1;
}

try {
  const service = await page('/services/orders');
  await pause(WARM_UP_MS / 2);
  const dialog = await deploy(service, await variant('orders', 'picture'), { canary: 10, message: 'cheaper delivery' });
  await dialog.getByRole('button', { name: 'Close' }).click();
  await service.getByRole('slider').waitFor();
  await pause(WARM_UP_MS / 2);
  await keep(service, 'dashboard-service');
  const overview = await page('/');
  await pause(5000);
  await keep(overview, 'dashboard-overview');
  await keep(await page('/', { colorScheme: 'dark' }), 'dashboard-overview-dark');
  await deploy(overview, await renamed('restaurants', 'restaurant-id', 'restaurant-no'));
  await keep(overview, 'dashboard-refused');
  const map = await page('/map');
  await pause(2000);
  await keep(map, 'dashboard-map');
} finally {
  demo.kill();
  await browser.close();
  await host.remove();
}
