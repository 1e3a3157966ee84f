import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: '.',
    include: ['test/**/*.test.ts'],
    exclude: ['test/playground/**'],
    testTimeout: 120_000,
    pool: 'forks',
  },
})
