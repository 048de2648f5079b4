import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { mayWrite } from '../api';
import { toastProblem } from './toast';

interface Props {
  children: ComponentChildren;
  onClick?: () => unknown;
  kind?: 'primary' | 'danger' | 'plain';
  small?: boolean;
  /** Changes something: only for those who may. */
  write?: boolean;
  disabled?: boolean;
  type?: 'button' | 'submit';
  /** What it is called when its text alone says too little: "Roll back orders". */
  label?: string;
}

/** A button. While what it began runs, it does not begin it again; a problem of it is told. */
export function Button({ children, onClick, kind, small, write, disabled, type = 'button', label }: Props) {
  const [busy, setBusy] = useState(false);
  const forbidden = !!write && !mayWrite.value;
  const press = async () => {
    if (busy || !onClick) return;
    setBusy(true);
    try {
      await onClick();
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      type={type}
      class={`button ${kind ?? ''} ${small ? 'small' : ''}`}
      disabled={disabled || forbidden}
      aria-busy={busy || undefined}
      aria-label={label}
      title={forbidden ? 'Sign in with the admin token to change something' : undefined}
      onClick={onClick && press}
    >
      {children}
    </button>
  );
}
