import { defineConfig } from '@playwright/test';

// `cargo xtask e2e` starts the shop and says where it is; nothing here starts a server or downloads a browser.
const address = process.env.KAVA_E2E_URL;
if (!address) {
  throw new Error('KAVA_E2E_URL is not set: run `cargo xtask e2e`, which starts the shop and then these tests');
}

const root = process.getuid?.() === 0;

export default defineConfig({
  testDir: './tests',
  outputDir: './test-results',
  fullyParallel: false,
  workers: 2,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list'], ['json', { outputFile: process.env.KAVA_E2E_REPORT ?? 'test-results/report.json' }]],
  use: {
    baseURL: address,
    locale: 'en-GB',
    timezoneId: 'Europe/London',
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.KAVA_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        // Chromium's sandbox needs an account other than root.
        ...(root ? ['--no-sandbox'] : []),
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
        '--disable-gpu',
      ],
    },
  },
});
