// Light or dark: what the system says, unless somebody has chosen.

import { signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'thali-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

function stored(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

export const theme = signal<Theme>(stored());

/** Counted up whenever the colours change: what is drawn on a canvas has to be drawn again. */
export const repaint = signal(0);

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === 'auto') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  apply();
}

export function apply(): void {
  const root = document.documentElement;
  if (theme.value === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  repaint.value += 1;
}

dark.addEventListener('change', () => (repaint.value += 1));

/** The colour of a custom property, for a canvas. */
export function colour(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
