// A host with every service, its seed data and the tracker, on free ports and a data folder of its own.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const thali = process.env.THALI ?? join(root, 'target/release/thali');

export class Host {
  #folder;
  #child;
  address;

  static async start() {
    const host = new Host();
    host.#folder = await mkdtemp(join(tmpdir(), 'tracker-'));
    await host.#up('127.0.0.1:0');
    return host;
  }

  async #up(listen) {
    const addresses = join(this.#folder, 'addresses.json');
    await rm(addresses, { force: true });
    this.#child = spawn(thali, [
      'up', '--listen', listen, '--admin', '127.0.0.1:0', '--data', join(this.#folder, 'data'), '--addr-file', addresses,
      '--components', join(root, 'target/components'), '--site', join(root, 'apps/tracker/site'), '--seed', '--dev',
      '--drain', '5s',
    ], { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.#folder });
    this.#child.stderr.pipe(createWriteStream(join(this.#folder, 'host.log'), { flags: 'a' }));
    const ended = once(this.#child, 'exit').then(async ([code]) => {
      throw new Error(`the host ended with ${code}:\n${await this.log()}`);
    });
    ended.catch(() => {});
    // It says one line when it is ready, and has written its addresses by then.
    await Promise.race([once(createInterface(this.#child.stdout), 'line'), ended]);
    this.address = JSON.parse(await readFile(addresses, 'utf8')).listen;
  }

  async log() {
    return readFile(join(this.#folder, 'host.log'), 'utf8');
  }

  /** Stops it; what it keeps stays. */
  async stop() {
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode === null && this.#child.kill('SIGTERM')) await ended;
  }

  /** Starts it again where it was. */
  async startAgain() {
    await this.#up(this.address);
  }

  async remove() {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  url(path = '/') {
    return `http://${this.address}${path}`;
  }

  /** A token that the key of this host has signed. */
  async token(subject, scopes) {
    const data = join(this.#folder, 'data');
    const { stdout } = await promisify(execFile)(thali, ['token', '--data', data, '--sub', subject, '--scope', scopes]);
    return stdout.trim();
  }

  /** Asks a service; what is not a success throws. */
  async ask(method, path, { body, token } = {}) {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(this.url(`/api/v1${path}`), { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
