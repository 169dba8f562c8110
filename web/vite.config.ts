import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { licenses } from './licenses.ts';
import { swagger } from './swagger.ts';

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), swagger(), licenses()],
  // Relative, so that the page works under a prefix of a proxy.
  base: './',
  build: {
    outDir: '../src/gptoss/server/static',
    emptyOutDir: true,
    // A data: URL in a style would need a looser policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8000', '/render': 'http://127.0.0.1:8000' } },
  // A machine may have other things to do as well.
  test: { environment: 'jsdom', include: ['tests/**/*.test.ts'], testTimeout: 60_000 },
  // Vitest would otherwise take what Svelte has for servers.
  resolve: mode === 'test' ? { conditions: ['browser'] } : undefined,
}));
