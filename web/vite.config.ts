import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import { tanstackRouter } from '@tanstack/router-plugin/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const TEXT = /\.(js|css|svg)$/;
const SMALLEST_BYTES = 1_024;

/** Puts each text beside itself as .br and .gz: the server then sends what a browser takes, and compresses nothing. */
function compressed(): Plugin {
  return {
    name: 'vidcompute-compressed',
    apply: 'build',
    // What was written is what counts: the last changes to it are made when all else is done.
    async writeBundle({ dir }, bundle) {
      if (!dir) return;
      await Promise.all(
        Object.keys(bundle)
          .filter((name) => TEXT.test(name))
          .map((name) => compress(join(dir, name))),
      );
    },
  };
}

async function compress(path: string): Promise<void> {
  const data = await readFile(path);
  if (data.length < SMALLEST_BYTES) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  await writeFile(`${path}.br`, await promisify(brotliCompress)(data, { params }));
  await writeFile(`${path}.gz`, await promisify(gzip)(data, { level: 9 }));
}

const SERVER = 'http://127.0.0.1:8550';

// The built pages go into the Python package: the API serves them below /pages/, and the wheel carries them.
export default defineConfig({
  base: '/pages/',
  plugins: [
    tanstackRouter({
      target: 'react',
      autoCodeSplitting: true,
      routesDirectory: 'src/dashboard/routes',
      generatedRouteTree: 'src/dashboard/route-tree.gen.ts',
      quoteStyle: 'single',
    }),
    react(),
    tailwindcss(),
    compressed(),
  ],
  server: {
    proxy: Object.fromEntries(['/api', '/image', '/stream', '/watch', '/account'].map((path) => [path, SERVER])),
  },
  build: {
    outDir: '../vidcompute/pages',
    emptyOutDir: true,
    target: ['chrome111', 'edge111', 'firefox128', 'safari16.4'],
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: { input: { watch: 'watch.html', dashboard: 'dashboard.html' } },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
  },
});
