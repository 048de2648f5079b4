// What a component says about itself, before it is sent anywhere.

export interface Named {
  name: string;
  version: string | null;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const MANIFEST = 'thali:manifest';

/** The name and version in the manifest of a component; nothing for other files. The host looks for itself. */
export async function nameOf(file: Blob): Promise<Named | null> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) return null;
  const manifest = sectionOf(bytes);
  const service = manifest?.match(/^\s*\[service\]\s*$([\s\S]*?)(?=^\s*\[|$(?![\s\S]))/m)?.[1];
  const value = (key: string) => service?.match(new RegExp(`^\\s*${key}\\s*=\\s*"([^"]+)"`, 'm'))?.[1] ?? null;
  const name = value('name');
  return name ? { name, version: value('version') } : null;
}

/** The text of the manifest: a custom section of the component itself. */
function sectionOf(bytes: Uint8Array): string | undefined {
  let at = 8;
  const number = (): number => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte < 0x80 || shift > 28) return value;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at];
    at += 1;
    const size = number();
    const end = at + size;
    if (id === 0) {
      const length = number();
      const decode = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
      if (decode(at, at + length) === MANIFEST) return decode(at + length, end);
    }
    at = end;
  }
  return undefined;
}
