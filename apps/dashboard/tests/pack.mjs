// Packs a component under `bench/components` as the tests of the host do: manifest and migration in custom sections at its end.

import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);

/** The bytes of `announcer` or `listener`, as `just build-components` compiled them. */
export async function benchComponent(name) {
  const folder = new URL(`bench/components/${name}/`, root);
  const compiled = await readFile(new URL(`target/wasm32-wasip2/component/bench_${name}.wasm`, root)).catch((error) => {
    throw new Error(`${fileURLToPath(root)}: run \`./justw build-components\` first: ${error.message}`);
  });
  const parts = [compiled, section('thali:manifest', await readFile(new URL('service.toml', folder)))];
  const migrations = [];
  for (const file of (await readdir(new URL('migrations/', folder)).catch(() => [])).sort()) {
    migrations.push({ name: file, sql: await readFile(new URL(`migrations/${file}`, folder), 'utf8') });
  }
  if (migrations.length > 0) parts.push(section('thali:migrations', Buffer.from(JSON.stringify(migrations))));
  return Buffer.concat(parts);
}

/** A custom section: its id, its size, its name, its bytes. */
function section(name, bytes) {
  const content = Buffer.concat([leb(Buffer.byteLength(name)), Buffer.from(name), bytes]);
  return Buffer.concat([Buffer.from([0]), leb(content.length), content]);
}

/** An unsigned LEB128. */
function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
