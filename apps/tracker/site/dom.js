// Small helpers over the DOM. Text is only ever set as text.

/** An element with properties, attributes (`aria-*`, `data-*`, `for` ..) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

/** What is in a `<template>`, and its parts by the name in `data-part`. */
export function view(id) {
  const content = document.getElementById(id).content.cloneNode(true);
  const parts = {};
  for (const part of content.querySelectorAll('[data-part]')) parts[part.dataset.part] = part;
  return { content, parts };
}

/** Shows an error in a box, with the focus on it; without one the box goes. */
export function showProblem(box, title, ...more) {
  box.hidden = title === undefined;
  if (box.hidden) {
    box.replaceChildren();
    return;
  }
  box.setAttribute('role', 'alert');
  box.replaceChildren(element('h2', { textContent: title }), ...more);
  box.focus();
}

/** Sets text only when it is another one: a live region is read out at every change. */
export function say(part, text) {
  if (part.textContent !== text) part.textContent = text;
}
