import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As in rspack.config.js: the classic runtime.
  oxc: { jsx: { runtime: 'classic' } },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.spec.{ts,tsx}', 'tests/**/*.spec.{ts,tsx}'],
    setupFiles: ['dev/vitest-setup.ts'],
    // Lab's packages are ES modules without file extensions, which only a bundler resolves.
    server: { deps: { inline: [/@jupyter/, /@lumino/, /@microsoft/] } }
  }
});
