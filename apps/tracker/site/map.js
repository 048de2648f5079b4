// A map on a canvas: streets, places, and somebody who moves. What is on it is also said in words, by whoever uses it.

import { streets } from './streets.js';

/** How long a marker is under way from one place to the next, in milliseconds. */
const MOVE_MS = 900;

/** Room around what must be seen, as a part of the map. */
const MARGIN = 0.16;

/** The map is never closer than this: degrees of latitude from its lower to its upper end. */
const SPAN_DEGREES_MIN = 0.012;

const SHAPES = { restaurant: square, home: house, driver: dot };

export class CityMap {
  #canvas;
  #markers = new Map();
  #view;
  #frame;
  #colours;
  #calm = matchMedia('(prefers-reduced-motion: reduce)');

  /** Lives until `signal`. */
  constructor(canvas, signal) {
    this.#canvas = canvas;
    const size = new ResizeObserver(() => this.#draw());
    size.observe(canvas);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', () => this.#repaint(), { signal });
    signal.addEventListener('abort', () => {
      size.disconnect();
      cancelAnimationFrame(this.#frame);
    });
  }

  /** Puts a marker somewhere: `kind` is restaurant, home or driver. One that is there already goes to its new place. */
  put(name, { kind, label, lat, lon }) {
    const target = { lat, lon };
    const marker = this.#markers.get(name);
    if (!marker) {
      this.#markers.set(name, { kind, label, at: target, target });
    } else if (marker.target.lat !== lat || marker.target.lon !== lon) {
      Object.assign(marker, { label, from: this.#now(marker), target, since: performance.now() });
      if (this.#calm.matches) marker.at = target;
      else this.#animate();
    } else {
      marker.label = label;
    }
    this.#repaint();
  }

  /** Takes a marker away. */
  remove(name) {
    if (this.#markers.delete(name)) this.#repaint();
  }

  /** Shows at least these places, wherever the markers are. */
  keep(places) {
    this.#view = places;
    this.#repaint();
  }

  /** The place on earth at a point of the window. */
  placeAt(x, y) {
    const box = this.#canvas.getBoundingClientRect();
    const { lat, lon } = this.#frameOf(box.width, box.height);
    return { lat: lat((y - box.top)), lon: lon((x - box.left)) };
  }

  /** Where a marker is drawn now, in degrees. */
  drawn(name) {
    const marker = this.#markers.get(name);
    return marker && this.#now(marker);
  }

  #now(marker) {
    if (marker.since === undefined || this.#calm.matches) return marker.target;
    const part = Math.min(1, (performance.now() - marker.since) / MOVE_MS);
    if (part === 1) return marker.target;
    const eased = part * part * (3 - 2 * part);
    const mix = (key) => marker.from[key] + (marker.target[key] - marker.from[key]) * eased;
    return { lat: mix('lat'), lon: mix('lon') };
  }

  #animate() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#draw();
      const moving = [...this.#markers.values()].some(
        (marker) => marker.since !== undefined && performance.now() - marker.since < MOVE_MS,
      );
      if (moving) this.#animate();
    });
  }

  #repaint() {
    this.#colours = undefined;
    this.#animate();
  }

  /** From degrees to points of a canvas of this size, and back. */
  #frameOf(width, height) {
    const places = [...(this.#view ?? []), ...[...this.#markers.values()].map((marker) => marker.target)];
    const shown = places.length > 0 ? places : [{ lat: 52.51, lon: 13.4 }];
    const edge = (of, pick) => pick(...shown.map((place) => place[of]));
    const [south, north] = [edge('lat', Math.min), edge('lat', Math.max)];
    const [west, east] = [edge('lon', Math.min), edge('lon', Math.max)];
    const middle = { lat: (south + north) / 2, lon: (west + east) / 2 };
    const stretch = Math.max(0.1, Math.cos((middle.lat * Math.PI) / 180));
    const room = 1 + 2 * MARGIN;
    // Degrees of latitude per point.
    const scale = Math.max(
      (north - south) * room / height,
      ((east - west) * stretch * room) / width,
      SPAN_DEGREES_MIN / height,
    );
    return {
      x: (lon) => width / 2 + ((lon - middle.lon) * stretch) / scale,
      y: (lat) => height / 2 - (lat - middle.lat) / scale,
      lat: (y) => middle.lat - (y - height / 2) * scale,
      lon: (x) => middle.lon + ((x - width / 2) * scale) / stretch,
    };
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0 || height === 0) return;
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== w || this.#canvas.height !== h) Object.assign(this.#canvas, { width: w, height: h });
    this.#colours ??= colours(this.#canvas);
    const pen = this.#canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const frame = this.#frameOf(width, height);
    drawCity(pen, frame, width, height, this.#colours);
    for (const marker of this.#markers.values()) {
      const { lat, lon } = this.#now(marker);
      drawMarker(pen, frame.x(lon), frame.y(lat), marker, this.#colours);
    }
  }
}

function colours(canvas) {
  const style = getComputedStyle(canvas);
  const names = ['ground', 'street', 'avenue', 'park', 'restaurant', 'home', 'driver', 'label', 'halo'];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--map-${name}`).trim()]));
}

function drawCity(pen, frame, width, height, colour) {
  pen.fillStyle = colour.ground;
  pen.fillRect(0, 0, width, height);
  const corners = { south: frame.lat(height), north: frame.lat(0), west: frame.lon(0), east: frame.lon(width) };
  const { rows, columns, parks } = streets(corners);
  pen.fillStyle = colour.park;
  for (const park of parks) {
    const [left, top] = [frame.x(park.west), frame.y(park.north)];
    pen.fillRect(left, top, frame.x(park.east) - left, frame.y(park.south) - top);
  }
  for (const avenue of [false, true]) {
    pen.strokeStyle = avenue ? colour.avenue : colour.street;
    pen.lineWidth = avenue ? 5 : 2;
    pen.beginPath();
    for (const row of rows.filter((street) => street.avenue === avenue)) {
      pen.moveTo(0, frame.y(row.at));
      pen.lineTo(width, frame.y(row.at));
    }
    for (const column of columns.filter((street) => street.avenue === avenue)) {
      pen.moveTo(frame.x(column.at), 0);
      pen.lineTo(frame.x(column.at), height);
    }
    pen.stroke();
  }
}

function drawMarker(pen, x, y, { kind, label }, colour) {
  pen.fillStyle = colour[kind];
  pen.strokeStyle = colour.halo;
  pen.lineWidth = 3;
  pen.beginPath();
  SHAPES[kind](pen, x, y);
  pen.stroke();
  pen.fill();
  pen.font = '600 13px system-ui, sans-serif';
  pen.textAlign = 'center';
  pen.lineJoin = 'round';
  pen.fillStyle = colour.label;
  // Whoever moves is written below, so that a name at the door stays readable.
  const below = kind === 'driver' ? 26 : -16;
  pen.strokeText(label, x, y + below);
  pen.fillText(label, x, y + below);
}

function square(pen, x, y) {
  pen.rect(x - 9, y - 9, 18, 18);
}

function house(pen, x, y) {
  pen.moveTo(x, y - 12);
  pen.lineTo(x + 11, y - 1);
  pen.lineTo(x + 8, y - 1);
  pen.lineTo(x + 8, y + 9);
  pen.lineTo(x - 8, y + 9);
  pen.lineTo(x - 8, y - 1);
  pen.lineTo(x - 11, y - 1);
  pen.closePath();
}

function dot(pen, x, y) {
  pen.arc(x, y, 9, 0, 2 * Math.PI);
}
