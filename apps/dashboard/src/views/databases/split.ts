// Cuts a script into statements, like the host does: each is sent alone, so that an error has a place.

export interface Statement {
  sql: string;
  /** Where it is in the script. */
  from: number;
  to: number;
}

/** A string, a quoted name, a comment, or one character: what is not cut. */
const TOKEN = /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[^]/gy;

/** The statements of a script without their semicolons; space and comments alone are none. */
export function statements(script: string): Statement[] {
  const found: Statement[] = [];
  let [from, to] = [-1, 0];
  const end = () => {
    if (from >= 0) found.push({ sql: script.slice(from, to), from, to });
    from = -1;
  };
  for (const { 0: token, index } of script.matchAll(TOKEN)) {
    if (token === ';') end();
    else if (!/^(?:\s|--|\/\*)/.test(token)) {
      if (from < 0) from = index;
      to = index + token.length;
    }
  }
  end();
  return found;
}
