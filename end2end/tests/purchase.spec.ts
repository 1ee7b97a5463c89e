// One purchase, one honest discount: the till sells over REST, the customer sees exactly that.
import { expect, open, test } from '../support/actors';
import { pence, pounds } from '../support/shop';

test('a purchase moves the savings by exactly its discount, and cancelling it takes them back', async ({ customer, till }) => {
  const { page } = customer;
  const before = await customer.savings();
  expect(before).toBe(0);
  const code = await customer.cardNumber();

  const found = await till.identify(code);
  const quote = await till.quote(
    [{ sku: 'cappuccino', quantity: 2 }, { sku: 'croissant', quantity: 1 }, { sku: 'newspaper', quantity: 1 }],
    { customer_code: code },
  );
  expect(quote.state).toBe('open');
  expect(quote.discount).toBeGreaterThan(0);
  expect(quote.total).toBe(quote.subtotal - quote.discount);
  expect(quote.discount).toBe(quote.lines.reduce((sum, line) => sum + line.discount, 0));
  const active = found.cards.find((card) => card.active)!;
  for (const line of quote.lines) {
    expect(line.discount).toBe(line.allocations.reduce((sum, part) => sum + part.amount, 0));
    expect(line.allocations.every((part) => part.source === 'card' && part.id === active.id)).toBe(true);
  }
  expect(await customer.savings(), 'a quote saves nothing yet').toBe(before);

  const closed = await till.close(quote);
  expect(closed).toMatchObject({ state: 'closed', savings: { amount: before + quote.discount, currency: 'GBP' } });
  expect(closed.segment_changed, 'a newcomer who buys is a newcomer no more').toMatchObject({ from: 'Newcomers' });
  expect(await customer.savings()).toBe(before + quote.discount);

  await open(page, '/savings');
  const total = page.getByRole('main').getByText('Saved so far').locator('..');
  expect(pence(await total.innerText())).toBe(quote.discount);
  const row = page.getByRole('listitem').filter({ hasText: 'Kava Soho' });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText(pounds(quote.total));
  await expect(row).toContainText(`saved ${pounds(quote.discount)}`);
  await expect(row).toContainText('4 items');

  await open(page, '/offers');
  await expect(page.getByRole('heading', { name: /Your visit to Kava Soho/ })).toBeVisible();

  const cancelled = await till.cancel(closed);
  expect(cancelled.state).toBe('cancelled');
  expect(await customer.savings()).toBe(before);
  await open(page, '/savings');
  await expect(row).toContainText('cancelled, does not count');
  expect(pence(await total.innerText())).toBe(before);
});

test('the same purchase sent twice counts once', async ({ customer, till }) => {
  const code = await customer.cardNumber();
  const quote = await till.quote([{ sku: 'latte', quantity: 1 }], { customer_code: code });
  const close = () =>
    till.post(`/api/v1/sessions/${quote.session_id}/close`, { receipt_number: quote.session_id, paid: quote.total }, quote.session_id);
  const [first, again] = await Promise.all([close(), close()]);
  expect([first.status(), again.status()]).toEqual([200, 200]);
  expect(await first.text()).toBe(await again.text());
  expect([first, again].filter((answer) => answer.headers()['idempotency-replayed'] === 'true')).toHaveLength(1);
  expect(await customer.savings()).toBe(quote.discount);
});

test('the feed tells of the first cards, and where to choose', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/offers');
  await expect(page.getByRole('heading', { name: 'New cards for you' })).toBeVisible();
  await expect(page.getByRole('main').getByText(/\d+\s?% off/)).toHaveCount(3);
  await page.getByRole('link', { name: 'Choose yours' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Vera' })).toBeVisible();
});

test('an empty jar says how the first saving comes about', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/savings');
  await expect(page.getByRole('heading', { name: 'The jar is still empty' })).toBeVisible();
  await page.getByRole('link', { name: 'Show my code' }).click();
  await expect(page.getByRole('img', { name: 'QR code for the till' })).toBeVisible();
});
