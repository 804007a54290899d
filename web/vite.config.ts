import { defineConfig } from 'vitest/config';

// The built pages go into the Python package: the API serves them below /pages/, and the wheel carries them.
export default defineConfig({
  base: '/pages/',
  build: {
    outDir: '../vidcompute/pages',
    emptyOutDir: true,
    target: ['chrome107', 'edge107', 'firefox104', 'safari16'],
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: { input: { watch: 'watch.html' } },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
  },
});
