// Which view is shown: `#/` to order, `#/orders/ID` to follow, `#/kitchen` for the kitchen.

import { followView } from './follow.js';
import { kitchenView } from './kitchen.js';
import { orderView } from './order.js';

const main = document.getElementById('main');

/** Ends what the view that is shown has begun: requests, timers, the stream. */
let leave;

/** A view fills `main` and gives back nothing; what it began ends with `signal`. */
function choose(hash) {
  const [, first = '', second] = hash.split('/');
  if (first === '') return { title: 'Order', show: orderView };
  if (first === 'kitchen' && !second) return { title: 'Kitchen', show: kitchenView };
  if (first === 'orders' && second) {
    const id = decoded(second);
    if (id) return { title: 'Your order', show: (place, signal) => followView(place, signal, id) };
  }
  return { title: 'Not found', show: nothing };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function nothing(place) {
  const heading = document.createElement('h1');
  heading.textContent = 'There is no such page';
  place.replaceChildren(heading);
}

function show(moved) {
  leave?.abort();
  leave = new AbortController();
  const hash = location.hash || '#/';
  const { title, show: fill } = choose(hash);
  document.title = `${title} · Thali`;
  for (const link of document.querySelectorAll('nav a')) {
    const current = link.getAttribute('href') === hash;
    if (current) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  fill(main, leave.signal);
  // Whoever cannot see that the view changed is told by the focus.
  if (moved) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

// The hash says which view is shown, so the link to the content must not change it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => show(true));
show(false);
