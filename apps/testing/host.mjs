// A host with every service and its seed data, on free ports and a data folder of its own.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const thali = process.env.THALI ?? join(root, 'target/release/thali');

export class Host {
  #folder;
  #child;
  #args;
  #env;
  /** Of the services, and of the admin API. */
  address;
  admin;

  /** `site`: a folder of this repository whose files are at `/`. `args` and `env` are further ones of `thali up`. */
  static async start({ site, args = [], env = {} } = {}) {
    const host = new Host();
    host.#folder = await mkdtemp(join(tmpdir(), 'thali-pages-'));
    host.#args = [...(site ? ['--site', join(root, site)] : []), ...args];
    host.#env = env;
    await host.#up('127.0.0.1:0');
    return host;
  }

  async #up(listen, admin = '127.0.0.1:0') {
    const addresses = join(this.#folder, 'addresses.json');
    await rm(addresses, { force: true });
    this.#child = spawn(thali, [
      'up', '--listen', listen, '--admin', admin, '--data', join(this.#folder, 'data'), '--addr-file', addresses,
      '--components', join(root, 'target/components'), '--seed', '--dev', '--drain', '5s', ...this.#args,
    ], { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.#folder, env: { ...process.env, ...this.#env } });
    this.#child.stderr.pipe(createWriteStream(join(this.#folder, 'host.log'), { flags: 'a' }));
    const ended = once(this.#child, 'exit').then(async ([code]) => {
      throw new Error(`the host ended with ${code}:\n${await this.log()}`);
    });
    ended.catch(() => {});
    // It says one line when it is ready, and has written its addresses by then.
    await Promise.race([once(createInterface(this.#child.stdout), 'line'), ended]);
    const written = JSON.parse(await readFile(addresses, 'utf8'));
    [this.address, this.admin] = [written.listen, written.admin];
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
    await this.#up(this.address, this.admin);
  }

  async remove() {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  url(path = '/') {
    return `http://${this.address}${path}`;
  }

  adminUrl(path = '/') {
    return `http://${this.admin}${path}`;
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
