// The third view: what kitchens and drivers are at, and buttons that move each order on.

import { Refused, list, segment, send } from './api.js';
import { element, say, showProblem, view } from './dom.js';
import { STATUS, shortId } from './words.js';

/** Between two looks at what there is, in milliseconds. There is no stream of all orders. */
const LOOK_MS = 2000;

/** The longest pause while nobody answers. */
const LOOK_MS_MAX = 30_000;

const TOKEN = 'kitchen-token';

/** What is next for an order, what the button says, and how it is asked for. */
const NEXT = {
  confirmed: { says: 'Start cooking', scope: 'orders:write', ask: (order) => status(order, 'preparing') },
  preparing: { says: 'Is ready', scope: 'orders:write', ask: (order) => status(order, 'ready') },
  ready: { says: 'Was picked up', scope: 'delivery:write', ask: (order) => delivery(order, 'pickup') },
  picked_up: { says: 'Was delivered', scope: 'delivery:write', ask: (order) => delivery(order, 'complete') },
};

function status({ id }, next) {
  return [`/orders/${segment(id)}/status`, JSON.stringify({ status: next })];
}

function delivery({ tracking_id }, step) {
  return [`/delivery/${segment(tracking_id)}/${step}`, '{}'];
}

/** Fills `main` with the kitchen; what it began ends with `signal`. */
export function kitchenView(main, signal) {
  const { content, parts } = view('kitchen-view');
  main.replaceChildren(content);
  new Kitchen(main, parts, signal).start();
}

class Kitchen {
  #main;
  #parts;
  #signal;
  #token;
  #scopes = [];
  #columns = new Map();
  /** Cards by the id of their order: a card that stays keeps its button, and the focus. */
  #cards = new Map();
  #timer;
  #pause = LOOK_MS;
  /** Counts looks: the answer of an older one is not shown after a newer one. */
  #look = 0;

  constructor(main, parts, signal) {
    this.#main = main;
    this.#parts = parts;
    this.#signal = signal;
  }

  start() {
    const parts = this.#parts;
    parts['sign-in'].addEventListener('submit', (event) => {
      event.preventDefault();
      this.#signIn(this.#main.querySelector('#token').value);
    });
    parts['sign-out'].addEventListener('click', () => this.#signOut());
    this.#main.querySelector('#of').addEventListener('change', () => this.#refresh());
    this.#signal.addEventListener('abort', () => clearTimeout(this.#timer));
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.#token) this.#refresh();
    }, { signal: this.#signal });
    for (const name of Object.keys(NEXT)) this.#addColumn(name);
    const kept = sessionStorage.getItem(TOKEN);
    if (kept) this.#signIn(kept);
  }

  #addColumn(name) {
    const count = element('span', { className: 'many', textContent: '0' });
    const heading = element('h2', { id: `column-${name}`, tabIndex: -1 }, `${STATUS[name]} `, count);
    const cards = element('ul', {});
    this.#columns.set(name, { heading, count, cards });
    this.#parts.columns.append(element('section', { 'aria-labelledby': heading.id }, heading, cards));
  }

  async #signIn(text) {
    const token = text.trim();
    const problem = this.#parts.problem;
    showProblem(problem);
    const claims = claimsOf(token);
    if (!claims) {
      showProblem(problem, 'This is not a token', element('p', { textContent: 'It has three parts with dots between them: `thali token` prints one.' }));
      return;
    }
    this.#token = token;
    this.#scopes = String(claims.scope ?? '').split(' ');
    sessionStorage.setItem(TOKEN, token);
    this.#parts['sign-in'].hidden = true;
    this.#parts.board.hidden = false;
    say(this.#parts.who, `Signed in as ${claims.sub}`);
    this.#listRestaurants();
    await this.#refresh();
  }

  #signOut(title, text) {
    clearTimeout(this.#timer);
    this.#look += 1;
    this.#token = undefined;
    sessionStorage.removeItem(TOKEN);
    this.#parts['sign-in'].hidden = false;
    this.#parts['sign-in'].reset();
    this.#parts.board.hidden = true;
    if (title) showProblem(this.#parts.problem, title, element('p', { textContent: text }));
    else this.#main.querySelector('#token').focus();
  }

  async #listRestaurants() {
    const select = this.#main.querySelector('#of');
    if (select.options.length > 1) return;
    try {
      const restaurants = await list('/restaurants', { signal: this.#signal });
      select.append(...restaurants.map(({ id, name }) => element('option', { value: id, textContent: name })));
    } catch (error) {
      // Without them the board shows the orders of all.
      if (!this.#signal.aborted && !(error instanceof Refused)) throw error;
    }
  }

  /** Looks at what there is, and again after a while. */
  async #refresh() {
    clearTimeout(this.#timer);
    this.#look += 1;
    const look = this.#look;
    try {
      const of = this.#main.querySelector('#of').value;
      const query = of ? { restaurant_id: of } : {};
      const orders = await list('/kitchen/orders', { token: this.#token, query, signal: this.#signal });
      if (look !== this.#look) return;
      this.#pause = LOOK_MS;
      this.#showNews('live', `Up to date: ${orders.length === 1 ? '1 order' : `${orders.length} orders`}.`);
      this.#show(orders);
    } catch (error) {
      if (this.#signal.aborted || look !== this.#look) return;
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) {
        this.#signOut('The token is not taken', error.sentence);
        return;
      }
      if (error.status === 403) {
        this.#signOut('The token does not allow this', 'It needs the scope orders:write.');
        return;
      }
      this.#pause = Math.min(2 * this.#pause, LOOK_MS_MAX);
      this.#showNews('reconnecting', `Not up to date: ${error.sentence}. Trying again …`);
    }
    // A page that nobody sees asks for nothing; it looks again when it is seen.
    if (!document.hidden) this.#timer = setTimeout(() => this.#refresh(), this.#pause);
  }

  #showNews(state, text) {
    this.#parts.news.dataset.state = state;
    say(this.#parts.news, text);
  }

  #show(orders) {
    const focused = document.activeElement;
    const left = new Set(this.#cards.keys());
    for (const order of orders) {
      if (!NEXT[order.status]) continue;
      left.delete(order.id);
      const card = this.#cards.get(order.id) ?? this.#newCard(order.id);
      const { cards } = this.#columns.get(order.status);
      // A card that is moved loses the focus, so one that is in its place stays.
      if (card.item.parentElement !== cards) cards.append(card.item);
      this.#fill(card, order);
    }
    for (const id of left) {
      const { item, status: was } = this.#cards.get(id);
      if (item.contains(focused)) this.#columns.get(was).heading.focus();
      item.remove();
      this.#cards.delete(id);
    }
    // Whoever moved an order on by keyboard is still at it.
    if (focused !== document.activeElement && focused.isConnected) focused.focus();
    for (const { count, cards } of this.#columns.values()) say(count, String(cards.children.length));
  }

  #newCard(id) {
    const card = {
      title: element('h3', { textContent: `Order ${shortId(id)}`, title: id }),
      about: element('p', { className: 'hint' }),
      dishes: element('ul', { className: 'dishes' }),
      note: element('p', { className: 'hint', hidden: true }),
      button: element('button', { type: 'button' }),
    };
    card.item = element('li', { className: 'card', 'data-order': id }, card.title, card.about, card.dishes, card.button, card.note);
    card.button.addEventListener('click', () => this.#moveOn(card));
    this.#cards.set(id, card);
    return card;
  }

  #fill(card, order) {
    const { says, scope } = NEXT[order.status];
    const allowed = this.#scopes.includes(scope) || this.#scopes.includes('admin');
    card.order = order;
    card.status = order.status;
    say(card.about, [order.restaurant, order.driver && `driver ${order.driver.name}`].filter(Boolean).join(', '));
    const dishes = order.items.map(({ name, quantity }) => `${quantity} × ${name}`);
    if (card.dishes.children.length !== dishes.length) {
      card.dishes.replaceChildren(...dishes.map((textContent) => element('li', { textContent })));
    }
    say(card.button, says);
    card.button.setAttribute('aria-label', `${says}: order ${shortId(order.id)}`);
    card.button.disabled = !allowed;
    card.note.hidden = allowed;
    say(card.note, allowed ? '' : `Your token does not have ${scope}.`);
  }

  async #moveOn(card) {
    if (card.button.getAttribute('aria-disabled') === 'true') return;
    const { order } = card;
    card.button.setAttribute('aria-disabled', 'true');
    showProblem(this.#parts.problem);
    try {
      const [path, body] = NEXT[order.status].ask(order);
      await send(path, { method: 'POST', body, token: this.#token, signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      // Somebody else was faster, or delivery does not know yet: the next look says how it is.
      showProblem(this.#parts.problem, `Order ${shortId(order.id)} was not moved on`, element('p', { textContent: error.sentence }));
    } finally {
      card.button.removeAttribute('aria-disabled');
    }
    await this.#refresh();
  }
}

/** What a token says about itself, unchecked: the services check it. */
function claimsOf(token) {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const bytes = Uint8Array.from(atob(parts[1].replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims?.sub === 'string' ? claims : undefined;
  } catch {
    return undefined;
  }
}
