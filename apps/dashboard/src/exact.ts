// JSON whose whole numbers stay what they are: ids of 64 bits do not fit into a double.

/** A whole number that a double would round, as it was written. */
export class Exact {
  constructor(readonly text: string) {}

  toJSON(): unknown {
    return (JSON as { rawJSON?: (text: string) => unknown }).rawJSON?.(this.text) ?? this.text;
  }
}

/** Parses JSON; whole numbers that a double would round are `Exact`. A browser that does not tell their text rounds them. */
export function parseExactly(json: string): unknown {
  return JSON.parse(json, (_, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    const rounded = typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source);
    return rounded ? new Exact(source) : value;
  });
}
