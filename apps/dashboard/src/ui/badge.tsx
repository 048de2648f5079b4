import type { ComponentChildren } from 'preact';

export type Tone = 'ok' | 'warn' | 'bad' | 'idle' | 'accent';

/** A shape of its own for each tone, for whoever sees no colours. */
const SHAPES: Record<Tone, string> = {
  ok: 'M5 0a5 5 0 1 0 0 10A5 5 0 0 0 5 0',
  warn: 'M5 .5 10 9.500H0z',
  bad: 'M0 2.500 2.500 0 5 2.500 7.500 0 10 2.500 7.500 5 10 7.500 7.500 10 5 7.500 2.500 10 0 7.500 2.500 5z',
  idle: 'M5 0a5 5 0 1 0 0 10A5 5 0 0 0 5 0M5 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6',
  accent: 'M5 0 10 5 5 10 0 5z',
};

/** A state: a word, a shape and a colour. */
export function Badge({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      <svg viewBox="0 0 10 10" aria-hidden="true"><Mark tone={tone} /></svg>
      {children}
    </span>
  );
}

/** The shape alone, for a drawing: 10 by 10. */
export function Mark({ tone }: { tone: Tone }) {
  return <path fill-rule="evenodd" d={SHAPES[tone]} />;
}
