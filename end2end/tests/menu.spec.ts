// The menu is open to everybody; a customer sees what their card takes off.
import { expect, open, test } from '../support/actors';
import { pence } from '../support/shop';

test('anybody reads the menu by category', async ({ page }) => {
  await open(page, '/menu');
  await expect(page.getByRole('heading', { level: 1, name: 'Menu' })).toBeVisible();
  const parts = page.getByRole('navigation', { name: 'Parts of the menu' });
  await parts.getByRole('link', { name: 'Bakery' }).click();
  await expect(page).toHaveURL('/menu/bakery');
  await expect(page.getByRole('heading', { level: 1, name: 'Bakery' })).toBeVisible();
  await expect(parts.getByRole('link', { name: 'Bakery' })).toHaveAttribute('aria-current', 'page');
  const croissant = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Butter croissant' }) });
  await expect(croissant).toContainText('£2.90');
  await expect(page.getByText('your price')).toHaveCount(0);

  await page.goBack();
  await expect(page).toHaveURL('/menu');
});

test('a customer sees the price of the active card, which is the price that the till asks', async ({ customer, till }) => {
  const { page } = customer;
  const code = await customer.cardNumber();
  await open(page, '/menu/coffee');
  const products = page.getByRole('main').getByRole('listitem').filter({ has: page.getByRole('heading', { level: 2 }) });
  await expect(products.first()).toBeVisible();

  const flatWhite = products.filter({ has: page.getByRole('heading', { name: 'Flat white' }) });
  await expect(flatWhite.getByText('your price')).toBeVisible();
  const now = pence(await flatWhite.locator('.price__now').innerText());
  const was = pence(await flatWhite.locator('.price__was').innerText());
  expect(now).toBeLessThan(was);
  const quote = await till.quote([{ sku: 'flat-white', quantity: 1 }], { customer_code: code });
  expect(quote).toMatchObject({ subtotal: was, total: now });

  // Another card, another price: a card for one category leaves the others alone.
  await open(page, '/');
  await customer.choose(2);
  const card = (await till.identify(code)).cards.find((card) => card.active)!;
  expect(card.scope.kind).toBe('product');
  await open(page, '/menu/lunch');
  await expect(page.getByRole('heading', { name: 'Soup of the day' })).toBeVisible();
  await expect(page.getByText('your price')).toHaveCount(card.scope.ref && ['soup', 'granola', 'ham-sandwich', 'halloumi-wrap'].includes(card.scope.ref) ? 1 : 0);
});

test('what is sold without a known cost is never discounted', async ({ customer, till }) => {
  const code = await customer.cardNumber();
  await open(customer.page, '/menu/shop');
  const newspaper = customer.page.getByRole('listitem').filter({ has: customer.page.getByRole('heading', { name: 'Newspaper' }) });
  await expect(newspaper).toContainText('£3.00');
  await expect(newspaper.getByText('your price')).toHaveCount(0);
  const quote = await till.quote([{ sku: 'newspaper', quantity: 3 }], { customer_code: code });
  expect(quote).toMatchObject({ discount: 0, total: 900 });
});

test('a category that does not exist, and a page that does not, are told with a way on', async ({ page, faults }) => {
  faults.expect(/status of 404/);
  for (const [address, words] of [
    ['/menu/no-such-part', 'This part of the menu is no longer there.'],
    ['/no-such-page', 'Nothing brewing here'],
  ]) {
    const answer = await page.goto(address);
    expect(answer!.status()).toBe(404);
    await expect(page.getByText(words)).toBeVisible();
    await expect(page.getByRole('main').getByRole('link')).toBeVisible();
  }
});
