// A headless Chromium, and what the tests do in it again and again.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const pictures = fileURLToPath(new URL('../../target/browser-tests/', import.meta.url));
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A condition that is not met within this time fails its test. Long: two cores may be shared. */
export const PATIENCE_MS = 60_000;

export const PHONE = { width: 390, height: 844 };

/** What a browser itself says of an answer that a test provokes. */
const EXPECTED = /Failed to load resource|net::ERR_/;

export class Browser {
  #chromium;
  /** What pages complained of: exceptions, what their policy forbids, and requests to anybody else. */
  complaints = [];

  static async start() {
    const browser = new Browser();
    browser.#chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    await mkdir(pictures, { recursive: true });
    return browser;
  }

  async close() {
    await this.#chromium.close();
  }

  /** A page of a visitor of its own. */
  async page(url, options = {}) {
    const context = await this.#chromium.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const { origin } = new URL(url);
    // Also those that this page opens.
    context.on('page', (opened) => this.#watch(opened, origin));
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  #watch(page, origin) {
    page.on('pageerror', (error) => this.complaints.push(`${error.stack ?? error}`));
    page.on('request', (request) => {
      const to = new URL(request.url());
      if (to.origin !== origin && !['data:', 'blob:'].includes(to.protocol)) this.complaints.push(`a request to ${to}`);
    });
    page.on('console', (message) => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) this.complaints.push(message.text());
    });
  }
}

/** Waits until `look` in the page is true. */
export function until(page, look, argument) {
  return page.waitForFunction(look, argument, { timeout: PATIENCE_MS });
}

/** Waits until there is this text in a part of a view. */
export function says(page, part, text) {
  return page.locator(`[data-part="${part}"]`, { hasText: text }).waitFor();
}

/** Nothing that axe-core takes for serious or critical. */
export async function isAccessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = grave.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join('\n  ')}`);
  assert.deepEqual(told, [], name);
}

export async function picture(page, name) {
  await page.screenshot({ path: `${pictures}${name}.png`, fullPage: true });
}

/** Nothing is wider than the window. */
export async function fitsItsWindow(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${content} points in a window of ${window}`);
}

/** The middle of everything on a canvas that has the colour of a kind of marker, in points; nothing without such. */
export function markerOn(page, kind) {
  return page.evaluate((kind) => {
    const canvas = document.querySelector('canvas');
    const wanted = getComputedStyle(canvas).getPropertyValue(`--map-${kind}`).trim();
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
    const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let [count, x, y] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] !== red || data[at + 1] !== green || data[at + 2] !== blue) continue;
      count += 1;
      x += (at / 4) % width;
      y += Math.floor(at / 4 / width);
    }
    return count > 0 ? { x: x / count, y: y / count } : undefined;
  }, kind);
}
