#!/usr/bin/env node
// Takes the pictures of docs/dashboard.md anew, of a host under the load of thali-demo and of some who only look. Wants what
// `just build build-components` makes, and the browser that `just test-browser` has brought.
//
//   WARM_UP_MS    how long there is load before the first picture (default: half a chart's width)
//
// Afterwards 256 colours are enough, and half the bytes: Pillow's `quantize`, with the commonest of them as they are.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Browser, until } from '../../testing/browser.mjs';
import { Host } from '../../testing/host.mjs';
import { renamed, variant } from './component.mjs';
import { admin, deploy, live } from './dashboard.mjs';
import { benchComponent } from './pack.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const images = `${root}docs/images/`;

const WARM_UP_MS = Number(process.env.WARM_UP_MS ?? 300_000);

/** A day of the demo takes so long: then some things happen every second. */
const DAY_S = 40;

/** Who only look, and how long each of them reads. */
const LOOKERS = 12;
const READS_MS = 60;

/** Before colours are left out. */
const PICTURE_BYTES_MAX = 300_000;

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await mkdir(images, { recursive: true });
const host = await Host.start();
const browser = await Browser.start();
let going = true;
const load = [days(), ...Array.from({ length: LOOKERS }, (_, i) => looker(i))];

/** One day of the demo after the other. */
async function days() {
  const env = { ...process.env, THALI_DEMO_TOKEN: await host.token('demo', 'admin') };
  while (going) {
    const day = spawn(`${root}target/release/thali-demo`, ['--url', host.url('').replace(/\/$/, ''), '--seconds', String(DAY_S)], { env, stdio: 'ignore' });
    const ended = once(day, 'exit');
    while (going && day.exitCode === null) await Promise.race([ended, pause(500)]);
    day.kill();
    await ended;
  }
}

async function looker(i) {
  const paths = ['/restaurants', '/products', '/leaderboard/top/10', '/restaurants/1/menu', '/achievements', '/products/1', '/recommendations/1'];
  for (let n = i; going; n += 1) {
    await fetch(host.url(`/api/v1${paths[n % paths.length]}`)).then((response) => response.text());
    await pause(READS_MS * (0.5 + Math.random()));
  }
}

async function page(path, options) {
  const opened = await browser.page(host.adminUrl(`/#${path}`), { viewport: { width: 1280, height: 800 }, ...options });
  await live(opened);
  return opened;
}

async function keep(opened, name) {
  await opened.mouse.move(0, 0);
  const { length: size } = await opened.screenshot({ path: `${images}dashboard-${name}.png` });
  console.log(`dashboard-${name}.png: ${size} bytes`);
  if (size > PICTURE_BYTES_MAX) process.exitCode = 1;
  await opened.context().close();
}

/** The trace of an order that was paid for, with the most spans. */
async function longTrace() {
  const { items } = await admin(host, 'GET', '/traces?route=/api/v1/orders&limit=50');
  const whole = await Promise.all(items.map(({ trace_id }) => admin(host, 'GET', `/traces/${trace_id}`)));
  const paid = ({ spans }) => spans.some(({ service, kind }) => service === 'payments' && kind === 'server');
  return whole.sort((a, b) => paid(b) - paid(a) || b.spans.length - a.spans.length)[0];
}

async function deadLetters() {
  for (const name of ['announcer', 'listener']) await fetch(host.adminUrl('/admin/v1/services'), { method: 'POST', body: await benchComponent(name) });
  await host.ask('POST', '/listener/refuse', { body: { reason: 'the printer is on fire' } });
  await host.ask('POST', '/announcer/announce', { body: { key: 'fragile', first: 0, count: 3 } });
}

async function take() {
  const service = await page('/services/orders', { viewport: { width: 1280, height: 1000 } });
  await pause(WARM_UP_MS / 2);
  const dialog = await deploy(service, await variant('orders', 'picture'), { canary: 10, message: 'cheaper delivery' });
  await dialog.getByRole('button', { name: 'Close' }).click();
  await service.getByRole('slider').waitFor();
  await pause(WARM_UP_MS / 2);
  await keep(service, 'service');

  for (const [look, options] of [['', {}], ['-phone', PHONE]]) {
    const overview = await page('/', options);
    await pause(4000);
    await keep(overview, `services${look}`);
  }
  const refused = await page('/');
  await deploy(refused, await renamed('restaurants', 'restaurant-id', 'restaurant-no'));
  await keep(refused, 'refused');
  for (const [look, options] of [['', {}], ['-dark', { colorScheme: 'dark' }]]) {
    const map = await page('/map', { viewport: { width: 1280, height: 900 }, ...options });
    await pause(2000);
    await map.locator('[data-edge="call orders restaurants"]').focus();
    await keep(map, `map${look}`);
  }
  await keep(await page('/traces'), 'traces');
  const { trace_id, spans } = await longTrace();
  const { span_id } = spans.find(({ kind, service }) => kind === 'consumer' && service === 'notifications') ?? spans[0];
  for (const [look, options] of [['', { viewport: { width: 1280, height: 900 } }], ['-phone', PHONE]]) {
    await keep(await page(`/traces/${trace_id}?span=${span_id}`, options), `trace${look}`);
  }
  const database = await page('/databases/orders');
  await database.getByLabel('SQL').fill('SELECT status, count(*) AS orders, sum(total) AS cents FROM orders GROUP BY status ORDER BY orders DESC');
  await database.keyboard.press('Control+Enter');
  await database.locator('.result table').waitFor();
  await keep(database, 'database');
  await keep(await page('/databases'), 'databases');
  await keep(await page('/schedules'), 'schedules');
  const logs = await page('/logs');
  await logs.getByRole('log').getByText('your order').last().waitFor();
  await keep(logs, 'logs');
  // Last: these are no services of the demo.
  await deadLetters();
  const events = await page('/events', { viewport: { width: 1280, height: 1000 } });
  await events.getByText('3 dead letters').waitFor();
  await until(events, () => document.querySelectorAll('[data-part=letters] tbody tr').length === 3);
  await keep(events, 'events');
}

try {
  await take();
} finally {
  going = false;
  await Promise.all(load);
  await browser.close();
  await host.remove();
}
