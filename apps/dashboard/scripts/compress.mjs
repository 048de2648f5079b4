// Compresses everything under dist/ (or the folder that is named) once and for all, and says how large the first load is: the
// page and all that it fetches before anybody clicks.
//
//   node scripts/compress.mjs [FOLDER]
//   node scripts/compress.mjs --check     looks whether what is compressed in dist/ is what is beside it

import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';

/** The first load has to fit in this, with gzip. */
const FIRST_LOAD_BYTES_MAX = 90 * 1024;

/** A smaller file travels in the same packet, compressed or not. */
const WORTH_IT_BYTES = 512;

const [argument] = process.argv.slice(2);
const check = argument === '--check';
const dist = argument && !check ? join(argument, '/') : fileURLToPath(new URL('../dist/', import.meta.url));
const compressible = /\.(html|js|css|svg|json)$/;

const entries = await readdir(dist, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile() && compressible.test(entry.name));
const sizes = new Map();
for (const entry of files) {
  const path = join(entry.parentPath, entry.name);
  const bytes = await readFile(path);
  const gzip = gzipSync(bytes, { level: 9 });
  sizes.set(path.slice(dist.length), gzip.length);
  if (bytes.length < WORTH_IT_BYTES) continue;
  if (check) {
    // Not the bytes: they are another zlib's on another machine.
    const same = gunzipSync(await readFile(`${path}.gz`)).equals(bytes) && brotliDecompressSync(await readFile(`${path}.br`)).equals(bytes);
    if (!same) fail(`${path}.gz or .br is of another ${entry.name}`);
    continue;
  }
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(`${path}.gz`, gzip);
  await writeFile(`${path}.br`, brotliCompressSync(bytes, { params }));
}

const page = await readFile(join(dist, 'index.html'), 'utf8');
const first = new Set(['index.html']);
for (const [, link] of page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) await withImports(link);
// What opens without a click: the overview, which is loaded like every other view.
for (const name of sizes.keys()) if (/assets\/overview-/.test(name)) await withImports(name);

const total = [...first].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
for (const name of [...sizes.keys()].sort()) console.log(`${String(sizes.get(name)).padStart(7)} ${name}${first.has(name) ? '  (first load)' : ''}`);
console.log(`first load: ${total} bytes with gzip, of ${FIRST_LOAD_BYTES_MAX}`);
if (total > FIRST_LOAD_BYTES_MAX) fail('the first load is too large: load a view or a library later, with import()');

function fail(why) {
  console.error(why);
  process.exitCode = 1;
}

/** A file of the first load, and what it imports without being asked. */
async function withImports(name) {
  if (first.has(name)) return;
  first.add(name);
  if (!name.endsWith('.js')) return;
  const code = await readFile(join(dist, name), 'utf8');
  for (const [, other] of code.matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g)) await withImports(`assets/${other}`);
}
