// The first view: a restaurant, its menu, who orders, where to, how it is paid.

import { Refused, list, segment, send } from './api.js';
import { element, say, showProblem, view } from './dom.js';
import { FieldErrors } from './fields.js';
import { CityMap } from './map.js';
import { remember } from './memory.js';
import { money } from './words.js';

/** The most of one dish, as the service has it. */
const QUANTITY_MAX = 1000;

/** Fills `main` with the form; what it began ends with `signal`. */
export function orderView(main, signal) {
  const { content, parts } = view('order-view');
  main.replaceChildren(content);
  new OrderForm(main.querySelector('form'), parts, signal).start();
}

class OrderForm {
  #form;
  #fields;
  #parts;
  #signal;
  #map;
  #errors;
  #restaurants = [];
  #menu = [];
  /** What was sent and nobody knows the outcome of: sent again, it has the same key. */
  #attempt;

  constructor(form, parts, signal) {
    this.#form = form;
    this.#fields = form.elements;
    this.#parts = parts;
    this.#signal = signal;
    this.#map = new CityMap(form.querySelector('#map'), signal);
    this.#errors = new FieldErrors(form, parts.problem);
  }

  async start() {
    const [form, fields] = [this.#form, this.#fields];
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#place();
    });
    fields.restaurant.addEventListener('change', () => this.#chooseRestaurant());
    form.querySelector('#map').addEventListener('click', (event) => this.#pick(event));
    for (const name of ['lat', 'lon']) fields[name].addEventListener('input', () => this.#showPlaces());
    for (const radio of fields.payment) {
      radio.addEventListener('change', () => { this.#parts.card.hidden = fields.payment.value !== 'card'; });
    }
    this.#parts.menu.addEventListener('input', () => this.#addUp());
    try {
      this.#restaurants = await list('/restaurants', { signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      showProblem(this.#parts.problem, 'The restaurants cannot be listed', element('p', { textContent: error.sentence }));
      return;
    }
    fields.restaurant.replaceChildren(...this.#restaurants.map((restaurant) => element('option', {
      value: restaurant.id,
      textContent: `${restaurant.name}, ${restaurant.cuisine}${restaurant.open ? '' : ' (closed now)'}`,
    })));
    const open = this.#restaurants.find((restaurant) => restaurant.open);
    if (open) fields.restaurant.value = open.id;
    this.#map.keep(this.#restaurants.map((restaurant) => restaurant.location));
    await this.#chooseRestaurant();
  }

  get #restaurant() {
    return this.#restaurants.find((restaurant) => restaurant.id === this.#fields.restaurant.value);
  }

  async #chooseRestaurant() {
    const chosen = this.#restaurant;
    this.#menu = [];
    this.#parts.menu.replaceChildren();
    say(this.#parts.note, '');
    this.#errors.clear();
    this.#showPlaces();
    this.#addUp();
    if (!chosen) return;
    try {
      const { items } = await send(`/restaurants/${segment(chosen.id)}/menu`, { signal: this.#signal });
      // Meanwhile another one may have been chosen.
      if (this.#restaurant !== chosen) return;
      this.#menu = items;
      this.#parts.menu.replaceChildren(...items.map(dish));
      this.#addUp();
    } catch (error) {
      if (this.#signal.aborted || this.#restaurant !== chosen) return;
      if (!(error instanceof Refused)) throw error;
      // Said where the menu would be: whoever goes through the restaurants by keyboard keeps the focus.
      const why = error.problem.code === 'closed' ? 'is closed now' : `has no menu now: ${error.sentence}`;
      say(this.#parts.note, `${chosen.name} ${why}.`);
    }
  }

  /** What is ordered, in the order of the menu. */
  get #lines() {
    const counts = [...this.#parts.menu.querySelectorAll('input')];
    return counts.map((input, place) => ({ input, dish: this.#menu[place], quantity: Number(input.value || 0) }))
      .filter(({ quantity }) => quantity !== 0);
  }

  #addUp() {
    const priced = this.#lines.filter(({ quantity }) => Number.isInteger(quantity) && quantity > 0);
    const amount = priced.reduce((sum, line) => sum + line.dish.price.amount * line.quantity, 0);
    const currency = this.#menu[0]?.price.currency ?? 'USD';
    say(this.#parts.total, money({ amount, currency }));
  }

  #pick(event) {
    const { lat, lon } = this.#map.placeAt(event.clientX, event.clientY);
    this.#fields.lat.value = lat.toFixed(5);
    this.#fields.lon.value = lon.toFixed(5);
    this.#errors.forget(this.#fields.lat);
    this.#errors.forget(this.#fields.lon);
    this.#showPlaces();
  }

  #showPlaces() {
    const restaurant = this.#restaurant;
    if (restaurant) {
      this.#map.put('restaurant', { kind: 'restaurant', label: restaurant.name, ...restaurant.location });
    }
    const home = this.#home;
    const known = Math.abs(home.lat) <= 90 && Math.abs(home.lon) <= 180;
    if (known) this.#map.put('home', { kind: 'home', label: 'You', ...home });
    else this.#map.remove('home');
    const words = known ? 'a house where you are' : 'nothing yet where you are';
    this.#form.querySelector('#map').setAttribute(
      'aria-label', `Map with ${restaurant ? restaurant.name : 'no restaurant'} and ${words}.`,
    );
  }

  get #home() {
    const number = (name) => {
      const text = this.#fields[name].value.trim().replace(',', '.');
      return text === '' ? NaN : Number(text);
    };
    return { lat: number('lat'), lon: number('lon') };
  }

  /** The order as it is written. What is missing is left out: the service says what it needs. */
  get #body() {
    const { name, phone, line, payment, number, expiry, cvc } = this.#fields;
    const method = payment.value === 'card'
      ? { card: { number: number.value.replaceAll(' ', ''), expiry: expiry.value.trim(), cvc: cvc.value.trim() } }
      : 'cash';
    return JSON.stringify({
      restaurant_id: this.#fields.restaurant.value,
      items: this.#lines.map(({ dish: { id }, quantity }) => ({ item_id: id, quantity })),
      customer: { name: name.value.trim(), phone: phone.value.trim() },
      address: { line: line.value.trim(), ...this.#home },
      payment: { method },
    });
  }

  async #place() {
    const submit = this.#form.querySelector('[type=submit]');
    if (submit.getAttribute('aria-disabled') === 'true') return;
    const body = this.#body;
    const lines = this.#lines.map(({ input }) => input);
    // The same order again is the same request; another one is another.
    if (this.#attempt?.body !== body) this.#attempt = { body, key: uuid() };
    this.#errors.clear();
    submit.setAttribute('aria-disabled', 'true');
    say(this.#parts.sending, 'Placing your order …');
    try {
      const headers = { 'idempotency-key': this.#attempt.key };
      const order = await send('/orders', { method: 'POST', body, headers, signal: this.#signal });
      this.#attempt = undefined;
      remember(order.id, { home: this.#home, events: [] });
      location.hash = `#/orders/${segment(order.id)}`;
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      this.#refused(error, lines);
    } finally {
      submit.removeAttribute('aria-disabled');
      say(this.#parts.sending, '');
    }
  }

  #refused(error, lines) {
    if (error.passes) {
      const again = error.retryAfter ? `in ${error.retryAfter} s` : 'again';
      const text = `${error.sentence}. It is safe to try ${again}: the order is placed once, however often it is sent.`;
      showProblem(this.#parts.problem, 'Your order may not have been placed', element('p', { textContent: text }));
      return;
    }
    this.#attempt = undefined;
    this.#errors.show('Your order was not placed', error.mistakes, (pointer) => {
      const line = /^\/items\/(\d+)/.exec(pointer);
      return line ? lines[Number(line[1])] : undefined;
    });
  }
}

/** A dish with its count. */
function dish({ id, name, description, price, available }, place) {
  const count = element('input', {
    id: `dish-${place}`, type: 'number', min: '0', max: String(QUANTITY_MAX), step: '1', value: '0', disabled: !available,
    'aria-describedby': `dish-${place}-about`, 'data-dish': id, inputMode: 'numeric',
  });
  const step = (by, label) => element('button', {
    type: 'button', textContent: by < 0 ? '−' : '+', disabled: !available, 'aria-label': `${label} ${name}`,
    onclick: () => {
      const next = Math.min(QUANTITY_MAX, Math.max(0, (Number(count.value) || 0) + by));
      count.value = String(next);
      count.dispatchEvent(new Event('input', { bubbles: true }));
    },
  });
  const about = `${money(price)}${available ? '' : ', sold out'} · ${description}`;
  return element(
    'li', {},
    element('div', {},
      element('label', { for: count.id, textContent: name }),
      element('p', { id: `dish-${place}-about`, className: 'hint', textContent: about })),
    element('div', { className: 'count' }, step(-1, 'One less'), count, step(1, 'One more')),
  );
}

/** A random UUID. `crypto.randomUUID` is not there on a page that came by plain HTTP from another machine. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
