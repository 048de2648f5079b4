import { defineConfig, type Plugin } from 'vite';
import { mock } from './scripts/mock.ts';

// In development the page comes from Vite and everything else from a host, http://127.0.0.1:8081 unless THALI_ADMIN names another.
const host = process.env.THALI_ADMIN ?? 'http://127.0.0.1:8081';

/** The host refuses what a page of somebody else asks for, and Vite's page is one: so its requests go without an origin. */
const proxy = {
  target: host,
  changeOrigin: true,
  configure(server: { on(event: 'proxyReq', handle: (request: { removeHeader(name: string): void }) => void): void }) {
    server.on('proxyReq', (request) => {
      for (const name of ['origin', 'referer', 'sec-fetch-site', 'sec-fetch-mode']) request.removeHeader(name);
    });
  },
};

/** Vite writes `crossorigin` on what it links, for which the same origin has no use. */
const plain: Plugin = {
  name: 'plain-links',
  enforce: 'post',
  transformIndexHtml: (html) => html.replaceAll(' crossorigin', ''),
};

export default defineConfig({
  base: './',
  // MOCK=1: a host of an earlier version, with live figures that are made up.
  plugins: process.env.MOCK ? [plain, mock(host)] : [plain],
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/admin/v1': proxy, '/metrics': proxy, '/docs': proxy },
  },
});
