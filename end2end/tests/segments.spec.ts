// What marketing sees: the same sums in every figure, for nobody else's eyes.
import { type Locator } from '@playwright/test';
import { Customer, expect, freshPhone, open, test } from '../support/actors';
import { pence, pounds } from '../support/shop';

/** The cells of a column, by its head. */
async function column(table: Locator, head: RegExp): Promise<string[]> {
  const heads = await table.getByRole('columnheader').allInnerTexts();
  const at = heads.findIndex((text) => head.test(text));
  expect(at, `a column ${head} among ${heads}`).toBeGreaterThanOrEqual(0);
  const rows = await table.locator('tbody').getByRole('row').all();
  // The figure itself, without the share that stands below it and the number before the name.
  const figure = (cell: Element) => {
    const copy = cell.cloneNode(true) as Element;
    copy.querySelectorAll('small, .segments__number').forEach((part) => part.remove());
    return copy.textContent!.trim();
  };
  return Promise.all(rows.map((row) => row.locator('th, td').nth(at).evaluate(figure)));
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

  const headline = (term: string) =>
    page.locator('.headline > div').filter({ has: page.getByText(term, { exact: true }) }).getByRole('definition').first().innerText();
  expect(whole(await headline('Customers'))).toBe(sum(sizes));
  expect(pence(await headline('Revenue'))).toBe(sum(revenues));
  expect(whole(await headline('Segments'))).toBe(names.length);

  const charts = page.getByRole('figure');
  expect(await charts.count()).toBeGreaterThanOrEqual(3);
  for (const chart of await charts.all()) {
    await expect(chart.getByRole('heading')).not.toBeEmpty();
    await expect(chart.locator('svg').first()).toBeVisible();
    for (const name of names) await expect(chart).toContainText(name);
  }
  const bars = charts.filter({ has: page.getByRole('heading', { name: 'Revenue by segment' }) });
  for (const revenue of revenues) await expect(bars).toContainText(pounds(revenue));
  const plot = charts.filter({ has: page.getByRole('heading', { name: 'How lately and how often' }) });
  await expect(plot.getByRole('img', { name: 'How lately and how often' })).toBeVisible();
  await expect(page.getByText('What tells orders apart:')).toContainText(/\(\d+(\.\d+)?\s?%\)/);
  const habits = page.getByRole('table').filter({ hasText: 'Days between visits' });
  expect(await habits.getByRole('rowheader').count()).toBeGreaterThanOrEqual(3);
  for (const gap of await column(habits, /between visits/i)) expect(gap).toMatch(/^(\d+(\.\d+)?(\s\u{b1}\s\d+(\.\d+)?)?|\u{2013})$/u);
  for (const day of await column(habits, /^day$/i)) expect(day).toMatch(/day$/);
  // Margins and discounts are rates of what they say they are.
  for (const rate of await column(table, /discount$/i)) expect(rate).toMatch(/^([\u2212]?\d+(\.\d+)?\s?%|not known)/);
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

test('what is bought together is told with how often, and sorted by what it sells', async ({ marketer: { page } }) => {
  await open(page, '/marketing/segments');
  await page.getByRole('link', { name: 'Together', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Bought together' })).toBeVisible();
  const table = page.getByRole('region', { name: 'Products' }).getByRole('table');
  const lifts = (await column(table, /times as often/i)).map(Number);
  expect(lifts.length).toBeGreaterThan(0);
  for (const lift of lifts) expect(lift, 'more often than by chance').toBeGreaterThanOrEqual(1);
  const together = (await column(table, /baskets with both/i)).map(whole);
  for (const baskets of together) expect(baskets).toBeGreaterThanOrEqual(5);
});

// The demo is one shop for all tests: what the next fit goes by is put back, and nobody's segment changes here.
test('marketing says how customers are divided', async ({ marketer: { page } }) => {
  await open(page, '/marketing/segments');
  await expect(page.getByLabel('Method')).toHaveValue('k_means');
  await page.getByLabel('Method').selectOption('dbscan');
  await page.getByLabel('Segments', { exact: true }).fill('5');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('It counts from the next fit on.')).toBeVisible();
  await expect(page.getByLabel('Method')).toHaveValue('dbscan');
  await expect(page.getByLabel('Segments', { exact: true })).toHaveValue('5');
  for (const count of ['0', '99', 'x']) {
    await page.getByLabel('Segments', { exact: true }).fill(count);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('alert')).toContainText('Segments are 1 to 64');
    await expect(page.getByLabel('Segments', { exact: true }), 'what was there stays').toHaveValue('5');
  }
  await page.getByLabel('Method').selectOption('k_means');
  await page.getByLabel('Segments', { exact: true }).fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('It counts from the next fit on.')).toBeVisible();
  await expect(page.getByLabel('Segments', { exact: true })).toHaveValue('');
  // Beside the segments stands what the other method makes of the same customers.
  const niches = page.getByRole('region', { name: 'Niches and outliers' });
  await expect(niches.getByRole('rowheader', { name: 'Stand apart' })).toBeVisible();
});

test('who registers by a poster, or is sent by a guest, is counted there', async ({ marketer, browser, customer }) => {
  const table = marketer.page.getByRole('region', { name: 'Where newcomers come from' }).getByRole('table');
  const registered = async (way: string) => {
    await open(marketer.page, '/marketing/segments');
    const at = (await column(table, /store/i)).findIndex((name) => name.includes(way));
    return (await column(table, /registered/i)).map(whole)[at]!;
  };
  const comesBy = async (link: string) => {
    const context = await browser.newContext({ baseURL: new URL(link).origin });
    const newcomer = new Customer(await context.newPage(), freshPhone());
    await newcomer.page.goto(link);
    await expect(newcomer.page).toHaveURL(/\/sign-in$/);
    await newcomer.signIn('New');
    await context.close();
  };

  const before = [await registered('Soho'), await registered('Invited')];
  const poster = table.getByRole('row').filter({ has: marketer.page.getByRole('rowheader', { name: 'Kava Soho' }) });
  await poster.getByText('QR code').click();
  await expect(poster.getByRole('img', { name: 'QR code of the link' })).toBeVisible();
  await comesBy(await poster.getByRole('link').innerText());

  await open(customer.page, '/profile');
  const invitation = customer.page.getByRole('region', { name: 'Invite a friend' });
  await expect(invitation.getByRole('img', { name: 'QR code of your invitation' })).toBeVisible();
  await comesBy(await invitation.getByRole('link').innerText());

  expect(await registered('Soho')).toBeGreaterThan(before[0]!);
  expect(await registered('Invited')).toBeGreaterThan(before[1]!);
});
