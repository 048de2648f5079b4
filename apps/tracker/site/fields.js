// What is wrong with what was sent, next to the field that each mistake points at.

import { element, showProblem } from './dom.js';

/** How the services' words for a missing or an odd value read beside a field. */
const PLAIN = [
  [/^(missing|is missing|required)/i, 'is missing'],
  [/got null/i, 'is missing, or is not a number'],
  [/must have 1 to \d+ items/, 'choose at least one dish'],
];

/** The mistakes of a form whose fields say in `data-pointer` which part of the request they are. */
export class FieldErrors {
  #form;
  #box;

  constructor(form, box) {
    this.#form = form;
    this.#box = box;
    form.addEventListener('input', (event) => this.forget(event.target));
  }

  /** Takes all mistakes away. */
  clear() {
    showProblem(this.#box);
    for (const field of this.#form.querySelectorAll('[aria-invalid]')) this.forget(field);
    for (const text of this.#form.querySelectorAll('.mistake')) text.remove();
  }

  /** The mistake of a field that is being changed is told no more. */
  forget(field) {
    if (!field.hasAttribute?.('aria-invalid')) return;
    field.removeAttribute('aria-invalid');
    const text = document.getElementById(mistakeId(field));
    text?.remove();
    describe(field, (ids) => ids.filter((id) => id !== mistakeId(field)));
  }

  /** Shows every mistake at its field, and all of them on top. `special` may know the field of a pointer. */
  show(title, mistakes, special) {
    const entries = mistakes.map(({ pointer, detail }) => {
      const known = special(pointer);
      const { field, name } = known ? { field: known, name: labelOf(known) } : this.#fieldOf(pointer);
      const text = plain(detail);
      if (!field) return element('li', { textContent: pointer ? `${pointer}: ${text}` : text });
      this.#mark(field, `${name}: ${text}`);
      const link = element('a', { href: `#${field.id}`, textContent: `${name}: ${text}` });
      link.addEventListener('click', (event) => {
        event.preventDefault();
        field.focus();
      });
      return element('li', {}, link);
    });
    showProblem(this.#box, title, element('ul', {}, ...entries));
  }

  /** The field of the longest part of the pointer, or the first one of the group, and what it is called. */
  #fieldOf(pointer) {
    for (let path = pointer; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) {
      const found = this.#form.querySelector(`[data-pointer="${CSS.escape(path)}"]`);
      if (found?.matches('fieldset')) {
        const name = found.querySelector('legend').textContent;
        return { field: found.querySelector('input:not([disabled])'), name };
      }
      if (found) return { field: found, name: labelOf(found) };
    }
    return {};
  }

  #mark(field, text) {
    if (field.hasAttribute('aria-invalid')) return;
    field.setAttribute('aria-invalid', 'true');
    const note = element('p', { className: 'mistake', id: mistakeId(field), textContent: text });
    (field.closest('.field') ?? field.closest('li') ?? field.parentElement).append(note);
    describe(field, (ids) => [...ids, note.id]);
  }
}

function plain(detail) {
  const found = PLAIN.find(([pattern]) => pattern.test(detail));
  return found ? found[1] : detail;
}

function mistakeId(field) {
  return `${field.id}-mistake`;
}

function describe(field, change) {
  const ids = change((field.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean));
  if (ids.length > 0) field.setAttribute('aria-describedby', ids.join(' '));
  else field.removeAttribute('aria-describedby');
}

function labelOf(field) {
  return field.labels?.[0]?.textContent.trim() ?? field.id;
}
