// The second view: one order and its driver, live.

import { Refused, segment, send } from './api.js';
import { element, say, showProblem, view } from './dom.js';
import { CityMap } from './map.js';
import { recall, remember } from './memory.js';
import { follow } from './stream.js';
import {
  STATUS, STEPS, between, clock, distance, isOver, minutes, money, place, shortId,
} from './words.js';

const CONNECTION = {
  opening: 'Connecting …',
  live: 'Live: what happens is shown at once.',
  reconnecting: 'The connection is cut. Reconnecting …',
  over: 'It is over: nothing more will happen.',
};

/** Fills `main` with an order; what it began ends with `signal`. */
export function followView(main, signal, id) {
  const { content, parts } = view('follow-view');
  main.replaceChildren(content);
  new Following(parts, signal, id).start();
}

class Following {
  #parts;
  #signal;
  #id;
  #map;
  #known;
  #order;
  #restaurant;
  #driver;

  constructor(parts, signal, id) {
    this.#parts = parts;
    this.#signal = signal;
    this.#id = id;
    this.#known = recall(id);
    this.#map = new CityMap(parts.map, signal);
  }

  start() {
    const { title, connection, cancel, dialog } = this.#parts;
    title.textContent = `Order ${shortId(this.#id)}`;
    title.title = this.#id;
    say(connection, CONNECTION.opening);
    cancel.addEventListener('click', () => dialog.showModal());
    dialog.addEventListener('close', () => {
      if (dialog.returnValue === 'cancel') this.#cancel();
      dialog.returnValue = '';
    });
    this.#showHistory();
    const on = {
      event: (kind, data) => this.#event(kind, data),
      connection: (state) => this.#connection(state),
      refused: (error) => this.#refused(error),
    };
    follow(this.#id, on, this.#signal);
  }

  #connection(state) {
    const part = this.#parts.connection;
    part.dataset.state = state;
    say(part, CONNECTION[state]);
  }

  #refused(error) {
    this.#parts.connection.hidden = true;
    const text = error.status === 404
      ? 'There is no order with this number, or it is somebody else’s.'
      : error.sentence;
    showProblem(this.#parts.problem, 'This order cannot be shown', element('p', { textContent: text }));
  }

  #event(kind, data) {
    if (kind === 'snapshot') this.#snapshot(data);
    else if (kind === 'driver-moved') this.#moved(data);
    else this.#changed(data);
    return isOver(this.#order?.status) ? 'over' : 'goes on';
  }

  #snapshot(order) {
    const known = this.#order?.status ?? this.#known.last;
    this.#order = order;
    this.#parts.body.hidden = false;
    this.#showItems();
    if (known !== order.status) this.#happened(`${STATUS[order.status]}${this.#byWhom()}`);
    this.#show();
    this.#findRestaurant();
    this.#findDriver();
  }

  #changed({ status, driver, eta_minutes, tracking_id }) {
    // After a cut what comes again is not news.
    if (!this.#order) return;
    const before = this.#order;
    this.#order = { ...before, status, driver, eta_minutes, tracking_id };
    if (before.status !== status || before.driver?.id !== driver?.id) {
      this.#happened(`${STATUS[status]}${this.#byWhom()}`);
    }
    this.#show();
    if (tracking_id && tracking_id !== before.tracking_id) this.#findDriver();
  }

  #moved({ location, eta_minutes }) {
    if (!this.#order) return;
    this.#order = { ...this.#order, eta_minutes };
    this.#driver = location;
    const name = this.#order.driver?.name ?? 'The driver';
    const left = this.#known.home ? `, ${distance(between(location, this.#known.home))} from you` : '';
    this.#happened(`${name} is at ${place(location)}${left}`);
    this.#show();
  }

  #byWhom() {
    const { status, driver } = this.#order;
    return status === 'confirmed' && driver ? `, ${driver.name} drives` : '';
  }

  async #findRestaurant() {
    if (this.#restaurant) return;
    try {
      this.#restaurant = await send(`/restaurants/${segment(this.#order.restaurant_id)}`, { signal: this.#signal });
      this.#show();
    } catch (error) {
      // The order goes on without it, and so does the page.
      if (!this.#signal.aborted && !(error instanceof Refused)) throw error;
    }
  }

  /** Where the driver is before the first move: the stream tells moves only. */
  async #findDriver() {
    const { tracking_id: tracking, status } = this.#order;
    if (!tracking || isOver(status)) return;
    try {
      const { location } = await send(`/delivery/${segment(tracking)}`, { signal: this.#signal });
      if (this.#order.tracking_id !== tracking || this.#driver) return;
      this.#driver = location;
      this.#show();
    } catch (error) {
      if (!this.#signal.aborted && !(error instanceof Refused)) throw error;
    }
  }

  async #cancel() {
    const { cancel, problem } = this.#parts;
    cancel.setAttribute('aria-disabled', 'true');
    try {
      await send(`/orders/${segment(this.#id)}/cancel`, { method: 'POST', body: '{}', signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      const text = error.problem.code === 'too_late' ? 'The driver has it already.' : error.sentence;
      showProblem(problem, 'The order was not cancelled', element('p', { textContent: text }));
    } finally {
      cancel.removeAttribute('aria-disabled');
    }
  }

  #happened(text) {
    this.#known.events.push({ at: Date.now(), text });
    this.#known.last = this.#order.status;
    remember(this.#id, this.#known);
    this.#showHistory();
  }

  #show() {
    this.#showNow();
    this.#showSteps();
    this.#showPlaces();
    this.#parts.cancel.hidden = isOver(this.#order.status) || this.#order.status === 'picked_up';
  }

  #showNow() {
    const { status, restaurant, eta_minutes: eta, driver } = this.#order;
    const rides = status === 'picked_up' ? ` with ${driver?.name ?? 'the driver'}` : '';
    const when = eta !== undefined && !isOver(status) ? `At your door in ${minutes(eta)}.` : '';
    const from = isOver(status) ? '' : `From ${restaurant}.`;
    say(this.#parts.now, [`${STATUS[status]}${rides}.`, from, when].filter(Boolean).join(' '));
  }

  #showSteps() {
    const { status } = this.#order;
    const reached = STEPS.indexOf(status);
    this.#parts.steps.replaceChildren(...STEPS.map((step, place) => {
      const done = place <= reached;
      const item = element('li', { textContent: STATUS[step], className: done ? 'done' : '' });
      if (place === reached) item.setAttribute('aria-current', 'step');
      else if (done) item.append(element('span', { className: 'only-read', textContent: ', done' }));
      return item;
    }));
  }

  #showPlaces() {
    const { driver, status } = this.#order;
    const rows = [];
    const put = (name, kind, label, at, words) => {
      if (at) this.#map.put(name, { kind, label, ...at });
      else this.#map.remove(name);
      rows.push(element('div', { 'data-place': name }, element('dt', { textContent: label }), element('dd', { textContent: words })));
    };
    const kitchen = this.#restaurant?.location;
    put('restaurant', 'restaurant', this.#order.restaurant, kitchen, kitchen ? place(kitchen) : 'not known yet');
    const { home } = this.#known;
    put('home', 'home', 'You', home, home ? place(home) : 'not known: this order was placed in another tab');
    if (driver && this.#driver && !isOver(status)) {
      const from = (at, whom) => (at ? `${distance(between(this.#driver, at))} from ${whom}` : undefined);
      const ways = [from(kitchen, this.#order.restaurant), from(home, 'you')].filter(Boolean).join(', ');
      put('driver', 'driver', driver.name, this.#driver, `${place(this.#driver)}${ways ? `: ${ways}` : ''}`);
    } else {
      this.#map.remove('driver');
    }
    this.#parts.places.replaceChildren(...rows);
  }

  #showItems() {
    const row = (name, quantity, total) => element(
      'tr', {},
      element('td', { textContent: name }),
      element('td', { className: 'number', textContent: quantity }),
      element('td', { className: 'number', textContent: money(total) }),
    );
    const { items, total } = this.#order;
    const [body] = this.#parts.items.tBodies;
    body.replaceChildren(...items.map((item) => row(item.name, String(item.quantity), item.total)));
    this.#parts.items.tFoot.replaceChildren(element(
      'tr', {}, element('th', { scope: 'row', colSpan: 2, textContent: 'Total' }),
      element('td', { className: 'number', textContent: money(total) }),
    ));
  }

  #showHistory() {
    const items = this.#known.events.map(({ at, text }) => element(
      'li', {}, element('time', { dateTime: new Date(at).toISOString(), textContent: clock(at) }), ` ${text}`,
    ));
    this.#parts.history.replaceChildren(...items.reverse());
    this.#parts.history.reversed = true;
  }
}
