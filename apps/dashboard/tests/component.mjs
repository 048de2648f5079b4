// Components that differ from what was built, without building any.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../target/components/', import.meta.url));

const CUSTOM_SECTION = 0;

/** The service as it was built, for a file chooser. */
export async function built(name) {
  return file(name, await readFile(`${folder}${name}.wasm`));
}

/** The same service as another component: it has a note behind it, and so another digest. */
export async function variant(name, note) {
  const { buffer } = await built(name);
  const text = Buffer.from(note);
  const section = Buffer.concat([Buffer.from([4]), Buffer.from('note'), text]);
  return file(name, Buffer.concat([buffer, Buffer.from([CUSTOM_SECTION, section.length]), section]));
}

/** The service with another name for something in its contracts, which must be as long. */
export async function renamed(name, from, to) {
  if (from.length !== to.length) throw new Error(`${from} and ${to} are not of the same length`);
  const { buffer } = await built(name);
  const bytes = buffer.toString('latin1');
  if (!bytes.includes(from)) throw new Error(`there is no ${from} in ${name}`);
  return file(name, Buffer.from(bytes.replaceAll(from, to), 'latin1'));
}

function file(name, buffer) {
  return { name: `${name}.wasm`, mimeType: 'application/wasm', buffer };
}
