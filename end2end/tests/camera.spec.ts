// The camera at the counter reads what a customer shows, and says in words when there is none.
import { Staff, expect, open, test, watch } from '../support/actors';
import { filmed, withCamera, withDetector } from '../support/camera';

for (const kind of ['QR code', 'Barcode'] as const) {
  test(`the camera reads the ${kind} on a customer's phone`, async ({ customer, playwright, launchOptions, baseURL, faults }) => {
    await open(customer.page, '/');
    await customer.page.getByRole('radiogroup', { name: 'Kind of code' }).getByRole('radio', { name: kind }).check();
    const seen = await filmed(customer.page, customer.page.getByRole('img', { name: `${kind} for the till` }));

    await withCamera(playwright.chromium, launchOptions, seen, async (browser) => {
      const context = await browser.newContext({ baseURL, viewport: { width: 1280, height: 800 } });
      watch(context, faults);
      await withDetector(context);
      const { page } = await signedIn(await context.newPage());
      await page.getByRole('button', { name: 'Scan with the camera' }).click();
      await expect(page.getByText('Vera', { exact: true })).toBeVisible();
      // Once it has read a code its light is off.
      await expect(page.locator('kava-scan')).toHaveCount(0);
      await expect(page.getByRole('button', { name: 'Scan with the camera' })).toHaveAttribute('aria-pressed', 'false');
    });
  });
}

test('a counter without a camera says so, and the field still works', async ({ customer, cashier }) => {
  const code = await customer.cardNumber();
  const { page } = cashier;
  await page.context().grantPermissions(['camera']);
  await withDetector(page.context());
  await open(page, '/checkout');
  await page.getByRole('button', { name: 'Scan with the camera' }).click();
  await expect(page.getByText('There is no camera to scan with.')).toBeVisible();
  await page.getByLabel('Customer code').fill(code);
  await page.keyboard.press('Enter');
  await expect(page.getByText('Vera', { exact: true })).toBeVisible();
});

async function signedIn(page: Staff['page']): Promise<Staff> {
  const cashier = new Staff(page, 'cashier');
  await cashier.signIn();
  await open(page, '/checkout');
  return cashier;
}
