import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Problem } from '../api';

interface Toast {
  id: number;
  bad: boolean;
  children: ComponentChildren;
}

const SHOWN_MS = 8000;
const SHOWN_MAX = 4;

const toasts = signal<Toast[]>([]);
let next = 0;

/** Says that something is done. It goes by itself. */
export function toast(children: ComponentChildren): void {
  const id = show(false, children);
  window.setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Says what went wrong. It stays until it is dismissed. */
export function toastProblem(error: unknown): void {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  const { title, detail } = Problem.of(error);
  show(true, <><strong>{title}</strong>{detail && <div>{detail}</div>}</>);
}

function show(bad: boolean, children: ComponentChildren): number {
  next += 1;
  toasts.value = [...toasts.value, { id: next, bad, children }].slice(-SHOWN_MAX);
  return next;
}

function dismiss(id: number) {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, bad, children }) => (
        <div key={id} class={`toast ${bad ? 'bad' : ''}`} data-toast={bad ? 'bad' : 'ok'}>
          <div>{children}</div>
          <button type="button" class="button plain" aria-label="Dismiss" onClick={() => dismiss(id)}>✕</button>
        </div>
      ))}
    </div>
  );
}
