// What the app asks of the phone: to stay awake while the code is shown, to be installed, and to be renewed.
import { type Page } from '@playwright/test';
import { alive, expect, open, test } from '../support/actors';

/** A phone that notes which locks are held; a headless browser has no screen that could go dark. */
async function notesLocks(page: Page) {
  await page.addInitScript(() => {
    const held = ((globalThis as any).locksHeld = new Set<string>());
    const request = async (kind: string) => {
      held.add(kind);
      const lock = new EventTarget() as EventTarget & { release(): Promise<void> };
      lock.release = async () => {
        held.delete(kind);
        lock.dispatchEvent(new Event('release'));
      };
      return lock;
    };
    Object.defineProperty(navigator, 'wakeLock', { value: { request } });
  });
}

const locks = (page: Page) => page.evaluate(() => [...(globalThis as any).locksHeld]);

test('the screen stays on while the code is shown, and only then', async ({ customer }) => {
  const { page } = customer;
  await notesLocks(page);
  await open(page, '/');
  await expect.poll(() => locks(page)).toEqual(['screen']);
  // The code goes: `pwa.js` follows the mark, whoever takes it away.
  await page.evaluate(() => document.documentElement.removeAttribute('data-awake'));
  await expect.poll(() => locks(page)).toEqual([]);
  await open(page, '/menu');
  expect(await locks(page)).toEqual([]);
});

test('the app offers to be installed once the browser says that it can be', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/profile');
  const install = page.getByRole('button', { name: 'Install the app' });
  await expect(install).toBeHidden();
  // Headless browsers install nothing and so never ask: the event is the browser's, the rest is ours.
  await page.evaluate(() => {
    const event = new Event('beforeinstallprompt', { cancelable: true });
    Object.assign(event, { prompt: async () => ((globalThis as any).prompted = true) });
    (globalThis as any).keptForLater = !dispatchEvent(event);
  });
  await expect(install).toBeVisible();
  expect(await page.evaluate(() => (globalThis as any).keptForLater)).toBe(true);
  await install.click();
  await expect(install).toBeHidden();
  expect(await page.evaluate(() => (globalThis as any).prompted)).toBe(true);
});

test('a new version is offered, and taken when the customer says so', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/');
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  // From the next page on the service worker serves it.
  await open(page, '/savings');
  await expect.poll(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller))).toBe(true);
  await expect(page.getByText('There is a new version of Kava')).toHaveCount(0);

  // To the browser a script under another address is another version.
  await page.evaluate(() => navigator.serviceWorker.register('/sw.js?newer', { updateViaCache: 'none' }).then(() => undefined));
  const toast = page.getByRole('status').filter({ hasText: 'There is a new version of Kava' });
  await expect(toast).toBeVisible();
  const renewed = page.waitForEvent('load');
  await toast.getByRole('button', { name: 'Reload' }).click();
  await renewed;
  await alive(page);
  expect(await page.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toContain('newer');
});
