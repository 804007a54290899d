import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import { tanstackRouter } from '@tanstack/router-plugin/vite';
import react from '@vitejs/plugin-react';
import type { Plugin, Rolldown } from 'vite';
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

// Which scripts a page of the dashboard takes, by its address: the server names them in the page (`api/dashboard.py`).
const SCRIPTS = 'dashboard.json';
const PAGE_OF = /\/dashboard\/routes\/([^/?]+)\.tsx\?.*tsr-split=component/;

/** Lets the browser ask for what a page takes at once, and not when one script has named the next. */
function preloaded(): Plugin {
  return {
    name: 'vidcompute-preloaded',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(_, { bundle, path }) {
        const files = path.endsWith('dashboard.html') ? Object.values(bundle ?? {}) : [];
        const early = files.find((one) => one.type === 'chunk' && one.isEntry && one.name === 'early');
        if (!early) return;
        const attrs = { type: 'module', crossorigin: true, src: `/pages/${early.fileName}` };
        return [{ tag: 'script', attrs, injectTo: 'head-prepend' }];
      },
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        this.emitFile({ type: 'asset', fileName: SCRIPTS, source: JSON.stringify(scriptsOf(bundle)) });
      },
    },
  };
}

type Bundle = Rolldown.OutputBundle;

/** By address, where `*` stands for an identifier: what its scripts take, but for what every page of them does. */
function scriptsOf(bundle: Bundle): Record<string, string[]> {
  const chunks = Object.values(bundle).filter((one) => one.type === 'chunk');
  const byPage = new Map<string, string[]>();
  for (const chunk of chunks) {
    const page = chunk.moduleIds.map((id) => PAGE_OF.exec(id)?.[1]).find((name) => name !== undefined);
    if (page) byPage.set(page, [...withImports(bundle, chunk.fileName)]);
  }
  const entry = chunks.find(({ isEntry, name }) => isEntry && name === 'dashboard');
  const known = entry ? withImports(bundle, entry.fileName) : new Set<string>();
  const shell = byPage.get('_in') ?? [];
  const pages = [...byPage].filter(([name]) => name !== '_in' && name !== '_in.$');
  const all = ([name, files]: [string, string[]]) => (name.startsWith('_in.') ? [...shell, ...files] : files);
  const named = (page: [string, string[]]) => [...new Set(all(page))].filter((file) => !known.has(file));
  return Object.fromEntries(pages.map((page) => [addressOf(page[0]), named(page)]));
}

function withImports(bundle: Bundle, fileName: string, found = new Set<string>()): Set<string> {
  const chunk = bundle[fileName];
  if (chunk?.type !== 'chunk' || found.has(fileName)) return found;
  found.add(fileName);
  for (const other of chunk.imports) withImports(bundle, other, found);
  return found;
}

/** `_in.videos.$assetId` is `videos/*`. */
function addressOf(name: string): string {
  const parts = name.split('.').filter((part) => part !== '_in' && part !== 'index');
  return parts.map((part) => (part.startsWith('$') ? '*' : part)).join('/');
}

// What every page of the dashboard takes is one file: a browser fetches few at a time. What is first wanted later is not
// in it, and the page to watch takes nothing of it.
const LATER =
  'download|focus-return|keys-help|new-organization|organizations|palette|person|card|code|copy|dialog|menu|table|tabs|text-form|tooltip';
const BASE = [
  new RegExp(`/src/(api|app|ui)/(?!(${LATER})\\.)[\\w-]+\\.tsx?$`),
  /\/src\/features\/videos\/(asset|deeds|list|picture|status)\.tsx?$/,
];
const GROUPS = [
  { name: 'words', test: /\/src\/watch\/words\.ts$/, priority: 2 },
  { name: 'preload', test: /vite\/preload-helper/, priority: 2 },
  { name: 'base', test: (id: string) => BASE.some((one) => one.test(id)), priority: 1 },
  { name: 'icons', test: /\/lucide-react\/dist\/esm\/icons\//, minShareCount: 2 },
];

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
    preloaded(),
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
    rollupOptions: {
      input: { watch: 'watch.html', dashboard: 'dashboard.html', early: 'src/dashboard/early.ts' },
      output: { codeSplitting: { groups: GROUPS } },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    testTimeout: 30_000,
  },
});
