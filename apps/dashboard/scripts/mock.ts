// In development with MOCK=1: what a host without the live endpoints would say, made up around the services that it really has.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';

interface Named {
  name: string;
  state: string;
  version: string;
  revision: number;
  memory_bytes?: number;
}

interface Graph {
  edges: { consumer: string; provider: string; interface: string }[];
  missing: { consumer: string; interface: string; optional: boolean }[];
}

export function mock(host: string): Plugin {
  const ask = async (path: string) => (await fetch(`${host}/admin/v1/${path}`)).json();
  const wave = (seed: number, top: number) => Math.max(0, top * (0.6 + 0.4 * Math.sin(Date.now() / 9000 + seed)));

  async function status() {
    const { items } = (await ask('services')) as { items: Named[] };
    const graph = (await ask('graph')) as Graph;
    const { items: events } = (await ask('events')) as { items: { publisher: string; subscriber: string; topic: string; lag: number; dead: number }[] };
    const services = items.map((one, i) => ({
      name: one.name, state: one.state, health: 'ok', reason: null, version: one.version, revision: one.revision, canaries: [],
      rate: wave(i, 40 + 7 * i), errors: 0, p50_ms: 0.6 + i / 10, p99_ms: 3 + wave(i, 4), in_flight: i % 4, queued: 0,
      memory_bytes: 1_179_648, invocations: wave(i, 60), traps: 0,
    }));
    const calls = graph.edges.map((edge, i) => ({
      kind: 'call', from: edge.consumer, to: edge.provider, interface: edge.interface, rate: wave(i, 3 * i), failures: i === 2 ? 0.4 : 0,
      breaker: i === 2 ? 'open' : i === 4 ? 'half_open' : 'closed', forced: false,
    }));
    const told = events.map((edge, i) => ({
      kind: 'event', from: edge.publisher, to: edge.subscriber, interface: edge.topic, rate: wave(i, 4), lag: edge.lag, dead: edge.dead,
    }));
    return {
      host: {
        version: '0.1.0', started_at: new Date(Date.now() - performance.now()).toISOString(), uptime_s: performance.now() / 1000, generation: 7, cpu_percent: wave(1, 80),
        memory_bytes: 312_000_000, requests_in_flight: 3, connections: 9, rate: wave(0, 900), errors: 0.2, shed: 0,
      },
      services, edges: [...calls, ...told], missing: graph.missing.map(({ consumer, ...rest }) => ({ from: consumer, ...rest })),
    };
  }

  function history() {
    const steps = Array.from({ length: 300 }, (_, i) => i);
    const column = (top: number) => steps.map((i) => Math.max(0, top * (0.6 + 0.3 * Math.sin(i / 20) + 0.1 * Math.sin(i * 7))));
    const now = Math.floor(Date.now() / 2000) * 2;
    return {
      step_s: 2, at: steps.map((i) => now - 2 * (300 - i)), rate: column(100), errors: column(0.5), p50_ms: column(1), p99_ms: column(6),
      in_flight: column(3), memory_bytes: column(4e6),
    };
  }

  async function live(request: IncomingMessage, response: ServerResponse) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    let open = true;
    request.on('close', () => (open = false));
    while (open) {
      response.write(`event: status\ndata: ${JSON.stringify(await status())}\n\n`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  return {
    name: 'mock-host',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = request.url?.replace(/\?.*/, '');
        const json = (body: unknown) => {
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify(body));
        };
        if (path === '/admin/v1/session') json({ may: 'write', actor: 'loopback' });
        else if (path === '/admin/v1/status') status().then(json, next);
        else if (path === '/admin/v1/status/history') json(history());
        else if (path === '/admin/v1/live') live(request, response).catch(() => response.end());
        else {
          // Its host does not tell the steps of a deploy.
          request.url = request.url?.replace(/&?watch=\w+/, '');
          next();
        }
      });
    },
  };
}
