// What marketing sees: the same sums in every figure, for nobody else's eyes.
import { type Locator } from '@playwright/test';
import { expect, open, test } from '../support/actors';
import { pence } from '../support/shop';

/** The cells of a column, by its head. */
async function column(table: Locator, head: RegExp): Promise<string[]> {
  const heads = await table.getByRole('columnheader').allInnerTexts();
  const at = heads.findIndex((text) => head.test(text));
  expect(at, `a column ${head} among ${heads}`).toBeGreaterThanOrEqual(0);
  const rows = await table.locator('tbody').getByRole('row').all();
  return Promise.all(rows.map(async (row) => (await row.locator('th, td').nth(at).innerText()).trim()));
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
const whole = (text: string) => Number(text.replaceAll(/[^\d]/g, ''));

test('table, headline and charts tell one story', async ({ marketer: { page } }) => {
  await open(page, '/marketing/segments');
  await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeVisible();
  const table = page.getByRole('table').first();
  const names = await column(table, /segment/i);
  expect(names.length).toBeGreaterThanOrEqual(3);
  expect(new Set(names).size, 'names tell the segments apart').toBe(names.length);

  const sizes = (await column(table, /customers|size/i)).map(whole);
  const revenues = (await column(table, /revenue/i)).map(pence);
  expect(sum(sizes)).toBeGreaterThan(100);

  const headline = async (label: RegExp) => page.locator('.headline, .figures, dl').first().locator('> *').filter({ hasText: label }).first().innerText();
  expect(whole((await headline(/customers/i)).replace(/[^\d,]*/g, ''))).toBe(sum(sizes));
  expect(pence((await headline(/revenue/i)).match(/[\u2212-]?£[\d,.]+/)![0])).toBe(sum(revenues));

  const charts = page.getByRole('figure');
  expect(await charts.count()).toBeGreaterThanOrEqual(2);
  for (const chart of await charts.all()) {
    await expect(chart.locator('svg').first()).toBeVisible();
    await expect(chart.locator('svg > title').first()).not.toBeEmpty();
  }
  // Every segment with customers stands in the chart of revenue by its name.
  for (const name of names) await expect(charts.filter({ hasText: name }).first()).toBeVisible();
});

test('the table can be sorted by a press on its head, and the address keeps it', async ({ marketer: { page } }) => {
  await open(page, '/marketing/segments');
  const table = page.getByRole('table').first();
  const revenues = async () => (await column(table, /revenue/i)).map(pence);
  const descending = (numbers: number[]) => [...numbers].sort((a, b) => b - a);
  const first = await revenues();
  expect(first).toEqual(descending(first));

  await table.getByRole('columnheader', { name: /revenue/i }).getByRole('link').click();
  await expect(page).toHaveURL(/sort=revenue&dir=asc/);
  await expect(table.getByRole('columnheader', { name: /revenue/i })).toHaveAttribute('aria-sort', 'ascending');
  expect(await revenues()).toEqual(descending(first).reverse());

  await open(page, '/marketing/segments?sort=size&dir=desc');
  const sizes = (await column(table, /customers|size/i)).map(whole);
  expect(sizes).toEqual(descending(sizes));
});

test('segments are for marketing only', async ({ cashier, customer }) => {
  await customer.page.goto('/marketing/segments');
  await expect(customer.page).toHaveURL(/\/staff/);
  await cashier.page.goto('/marketing/segments');
  await expect(cashier.page.getByRole('alert')).toBeVisible();
  await expect(cashier.page.getByRole('table')).toHaveCount(0);
});

test('a purchase shows in the revenue at once, and a cancelled one does not', async ({ marketer, customer, till }) => {
  const { page } = marketer;
  const revenue = async () => {
    await open(page, '/marketing/segments');
    return sum((await column(page.getByRole('table').first(), /revenue/i)).map(pence));
  };
  // Other stories sell at the same time, so the shop's revenue may move by more than ours: look at our part of it.
  const before = await revenue();
  const sold = await till.sell([{ sku: 'gift-box', quantity: 300 }], { customer_code: await customer.cardNumber() });
  const after = await revenue();
  expect(after - before).toBeGreaterThanOrEqual(sold.total);
  expect(after - before).toBeLessThan(sold.total + 100_000);
  await till.cancel(sold);
  const cancelled = await revenue();
  expect(cancelled).toBeLessThan(before + 100_000);
});
