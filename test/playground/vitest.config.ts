import { defineConfig } from 'vitest/config'

// Browsers take their time, and share the cores with the workers of the page: one file after the other.
export default defineConfig({
  test: {
    root: '.',
    include: ['test/playground/*.test.ts'],
    globalSetup: 'test/playground/setup.ts',
    // What is waited for are events: how long they take depends on what else the machine does.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 100 } },
    fileParallelism: false,
    retry: 0,
  },
})
