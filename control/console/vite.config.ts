import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` beside a running engine: BREAKOUT_ENGINE says where it listens. The
// engine takes a request with a cookie only from its own page, so the proxy says so.
const engine = process.env.BREAKOUT_ENGINE ?? "http://127.0.0.1:8000";
const own = { target: engine, changeOrigin: true, headers: { origin: engine } };

export default defineConfig({
  plugins: [svelte()],
  resolve: { alias: { $: fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022",
    // The content security policy has no `data:`: every asset is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: {
      "/api": own,
      "/openapi.json": own,
      "/ws": { ...own, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
