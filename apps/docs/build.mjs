// Makes dist/ of the files in page/ and of the package swagger-ui-dist, unpacked in the folder that is named. Large files are there
// in compressed form only: every browser takes it.
//
//   node build.mjs FOLDER

import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const LARGE_BYTES = 64 * 1024;

const [swagger] = process.argv.slice(2);
const dist = fileURLToPath(new URL('dist/', import.meta.url));
const page = fileURLToPath(new URL('page/', import.meta.url));
await rm(dist, { recursive: true, force: true });
await mkdir(dist);
for (const name of await readdir(page)) await put(name, await readFile(join(page, name)));
for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) {
  const text = await readFile(join(swagger, name), 'utf8');
  // The maps stay behind.
  await put(name, Buffer.from(text.replace(/\n(\/\/|\/\*)# sourceMappingURL=.*$/m, '')));
}
const licences = ['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt'];
const texts = await Promise.all(licences.map((name) => readFile(join(swagger, name), 'utf8')));
await put('licences.txt', Buffer.from(texts.join(`\n${'-'.repeat(80)}\n\n`)));

async function put(name, bytes) {
  const path = join(dist, name);
  if (bytes.length < LARGE_BYTES) await writeFile(path, bytes);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  await writeFile(`${path}.br`, brotliCompressSync(bytes, { params }));
}
