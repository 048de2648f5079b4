import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Button } from './button';

interface Props {
  title: string;
  /** Escape, a click beside it, or the button that says so. */
  onClose: () => void;
  wide?: boolean;
  children: ComponentChildren;
}

/** A modal dialog; the focus comes back to where it was. */
export function Dialog({ title, onClose, wide, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? 'wide' : ''}
      aria-labelledby={id}
      onCancel={(event) => (event.preventDefault(), onClose())}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export interface Question {
  title: string;
  /** What will happen. */
  body: ComponentChildren;
  /** What the button says: "Roll back". */
  action: string;
  danger?: boolean;
  /** Has to be typed first, for what cannot be undone. */
  typed?: string;
}

const question = signal<{ asked: Question; answer: (yes: boolean) => void } | null>(null);

/** Asks before something is done; answers whether it shall be. */
export function confirm(asked: Question): Promise<boolean> {
  question.value?.answer(false);
  return new Promise((resolve) => {
    question.value = {
      asked,
      answer: (yes) => {
        question.value = null;
        resolve(yes);
      },
    };
  });
}

/** Where `confirm` asks; once in the page. */
export function Confirmation() {
  const current = question.value;
  return current && <Asking key={current.asked.title} {...current} />;
}

function Asking({ asked, answer }: { asked: Question; answer: (yes: boolean) => void }) {
  const [text, setText] = useState('');
  const id = useId();
  const { title, body, action, danger, typed } = asked;
  const ready = !typed || text === typed;
  return (
    <Dialog title={title} onClose={() => answer(false)}>
      <form class="dialog-body" onSubmit={(event) => (event.preventDefault(), ready && answer(true))}>
        <div>{body}</div>
        {typed && (
          <div class="field">
            <label for={id}>Type <code>{typed}</code> to go on</label>
            <input id={id} value={text} autocomplete="off" spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
          </div>
        )}
        <div class="actions">
          <Button onClick={() => answer(false)}>Cancel</Button>
          <button type="submit" class={`button primary ${danger ? 'danger' : ''}`} disabled={!ready}>{action}</button>
        </div>
      </form>
    </Dialog>
  );
}
