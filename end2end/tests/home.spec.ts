// The home screen at the counter: a code that scanners read, and the choice of a card.
import { expect, open, test } from '../support/actors';
import { scan } from '../support/scanner';

test('a scanner reads the rotating QR code, and the till finds the customer by it', async ({ customer, till }) => {
  await open(customer.page, '/');
  const code = await scan(customer.page.getByRole('img', { name: 'QR code for the till' }), 'QRCode');
  expect(code).toMatch(/^K1[0-9A-Z]{33}$/);

  const found = await till.identify(code);
  expect(found).toMatchObject({ code_kind: 'rotating', customer: { display_name: 'Vera' } });
  expect(found.cards).toHaveLength(3);

  // Seen by the till once; a copy of it is worth nothing.
  const copy = await till.post('/api/v1/identify', { code });
  expect(copy.status()).toBe(409);
  expect(await copy.json()).toMatchObject({ key: 'code-replayed' });
});

test('the QR code changes every thirty seconds', async ({ customer }) => {
  const { page } = customer;
  await page.clock.install({ time: new Date() });
  await open(page, '/');
  const picture = page.getByRole('img', { name: 'QR code for the till' });
  const first = await scan(picture, 'QRCode');
  await page.clock.runFor(31_000);
  await expect.poll(() => scan(picture, 'QRCode')).not.toBe(first);
  const second = await scan(picture, 'QRCode');
  expect(second.slice(0, 12), 'the same customer').toBe(first.slice(0, 12));
  await expect(page.getByText(/New code in \d+/)).toBeVisible();
});

test('a scanner reads the barcode, which says the number below it', async ({ customer, till }) => {
  const { page } = customer;
  const number = await customer.cardNumber();
  await page.getByRole('radiogroup', { name: 'Kind of code' }).getByRole('radio', { name: 'Barcode' }).check();
  expect(await scan(page.getByRole('img', { name: 'Barcode for the till' }), 'Code128')).toBe(number);
  expect(await till.identify(number)).toMatchObject({ code_kind: 'static', customer: { display_name: 'Vera' } });
});

test('both codes are black on white in the dark theme, too', async ({ customer }) => {
  const { page } = customer;
  await page.goto('/preferences?theme=dark&next=/');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await scan(page.getByRole('img', { name: 'QR code for the till' }), 'QRCode');
  await page.getByRole('radiogroup', { name: 'Kind of code' }).getByRole('radio', { name: 'Barcode' }).check();
  await scan(page.getByRole('img', { name: 'Barcode for the till' }), 'Code128');
});

test('there are three cards with reasons, and the choice of another stays', async ({ customer, till }) => {
  const { page } = customer;
  await open(page, '/');
  const cards = customer.cards();
  await expect(cards).toHaveCount(3);
  await expect(cards.nth(0)).toBeChecked();
  for (const card of await page.getByRole('radiogroup', { name: 'Your cards' }).locator('label').all()) {
    await expect(card.getByText(/\d+(\.\d+)?\s?%/).first()).toBeVisible();
    await expect(card.getByRole('listitem').first()).toBeVisible();
    await expect(card.getByText(/^until /)).toBeVisible();
  }

  await customer.choose(2);
  await expect(cards.nth(2)).toBeChecked();
  await open(page, '/');
  await expect(cards.nth(2)).toBeChecked();
  await expect(page.getByRole('radiogroup', { name: 'Your cards' }).getByRole('radio', { checked: true })).toHaveCount(1);

  // The till sees the same choice.
  const found = await till.identify(await customer.cardNumber());
  expect(found.cards.map((card) => card.active)).toEqual([false, false, true]);
});

test('cards can be chosen by keyboard alone', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/');
  const cards = customer.cards();
  await cards.nth(0).focus();
  const chosen = page.waitForResponse(/\/fn\/v1\/home\/choose-card/);
  await page.keyboard.press('ArrowDown');
  await expect(cards.nth(1)).toBeChecked();
  expect((await chosen).ok()).toBe(true);
  await open(page, '/');
  await expect(cards.nth(1)).toBeChecked();
});

test('a choice that the shop did not take is taken back on the screen', async ({ customer, faults }) => {
  const { page } = customer;
  faults.expect(/ERR_|Failed to (load|fetch)/);
  await open(page, '/');
  const cards = customer.cards();
  await page.route(/\/fn\/v1\/home\/choose-card/, (route) => route.abort());
  await page.getByRole('radiogroup', { name: 'Your cards' }).locator('label').nth(1).click();
  await expect(page.getByRole('alert').getByText(/no connection/i)).toBeVisible();
  await expect(cards.nth(0)).toBeChecked();
});
