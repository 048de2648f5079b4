// What a list is narrowed by. The address of the page says it, so that it can be linked to and survives a reload.

import { useEffect, useRef, useState } from 'preact/hooks';
import { status } from '../live';
import { place, setQuery } from '../router';

/** Somebody who types is asked for nothing before they pause. */
const PAUSE_MS = 300;

interface Props {
  /** Its name in the address. */
  name: string;
  label: string;
}

/** A field for text, or for a number. */
export function TextFilter({ name, label, numeric, hint }: Props & { numeric?: boolean; hint?: string }) {
  const given = place.value.query.get(name) ?? '';
  const [text, setText] = useState(given);
  const written = useRef(given);
  // A link has changed it.
  useEffect(() => {
    if (given !== written.current) setText((written.current = given));
  }, [given]);
  const here = place.value.parts.join('/');
  useEffect(() => {
    const timer = window.setTimeout(() => {
      // Whoever has followed a link meanwhile is not there any more.
      if (place.value.parts.join('/') !== here) return;
      if (text.trim() !== written.current) setQuery({ [name]: (written.current = text.trim()), before: '' });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="filter">
      <span>{label}</span>
      <input type="search" class={numeric ? 'numeric' : ''} inputMode={numeric ? 'decimal' : 'search'} value={text} placeholder={hint} autocomplete="off" spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
    </label>
  );
}

export function ChoiceFilter({ name, label, options, any }: Props & { options: readonly string[]; any?: string }) {
  const value = place.value.query.get(name) ?? '';
  const shown = value === '' || options.includes(value) ? options : [...options, value];
  return (
    <label class="filter">
      <span>{label}</span>
      <select value={value} onChange={(event) => setQuery({ [name]: event.currentTarget.value, before: '' })}>
        {any !== undefined && <option value="">{any}</option>}
        {shown.map((option) => <option key={option} value={option}>{option}</option>)}
      </select>
    </label>
  );
}

export function ServiceFilter({ name = 'service', label = 'Service' }: Partial<Props>) {
  const names = status.value?.services.map((service) => service.name) ?? [];
  return <ChoiceFilter name={name} label={label} options={names} any="All" />;
}

export function CheckFilter({ name, label }: Props) {
  const on = place.value.query.get(name) === 'true';
  return (
    <label class="field-line">
      <input type="checkbox" checked={on} onChange={(event) => setQuery({ [name]: event.currentTarget.checked ? 'true' : '', before: '' })} />
      {label}
    </label>
  );
}
