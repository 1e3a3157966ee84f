import { defineConfig } from 'vitest/config'

// Browsers take their time, and share the cores with the workers of the page: one file after the other.
export default defineConfig({
  test: {
    root: '.',
    include: ['test/playground/*.test.ts'],
    globalSetup: 'test/playground/setup.ts',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    retry: 0,
  },
})
