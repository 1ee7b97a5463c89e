// The counter: a code, a basket, a discount with its reason, the money, the next customer.
import { type Page } from '@playwright/test';
import { alive, expect, open, test } from '../support/actors';
import { DEMO, pence, pounds } from '../support/shop';

/** A scanner types the code and ends with Enter. */
async function scanCode(page: Page, code: string) {
  await page.getByLabel('Customer code').fill(code);
  await page.keyboard.press('Enter');
}

const add = (page: Page, name: string) => page.getByRole('button', { name: new RegExp(`^Add ${name},`) }).click();
const basketLine = (page: Page, name: string) => page.getByRole('region', { name: 'Basket' }).getByRole('listitem').filter({ hasText: name });
const pay = (page: Page) => page.getByRole('button', { name: /^Pay / });

/** The figure that stands beside a term of the totals. */
async function figure(page: Page, term: string): Promise<number> {
  const row = page.locator('.totals > div').filter({ has: page.getByText(term, { exact: true }) });
  return pence(await row.getByRole('definition').innerText());
}

async function settled(page: Page) {
  await expect(page.locator('.totals')).toHaveAttribute('aria-busy', 'false');
  await expect(pay(page)).toBeEnabled();
}

test('staff sign in by role and are sent to where they work', async ({ page }) => {
  const signIn = async (role: keyof typeof DEMO.staff) => {
    await open(page, '/staff');
    await page.getByLabel('Login').fill(DEMO.staff[role].login);
    await page.getByLabel('Password').fill(DEMO.staff[role].password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await signIn('cashier');
  await expect(page).toHaveURL('/checkout');
  await expect(page.getByRole('banner')).toContainText('Sam');
  await expect(page.getByRole('banner')).toContainText('Kava Soho');
  await alive(page);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Staff sign-in' })).toBeVisible();

  await signIn('marketer');
  await expect(page).toHaveURL('/marketing/segments');
  await page.context().clearCookies();

  await signIn('admin');
  await expect(page.getByRole('heading', { name: 'Where to?' })).toBeVisible();
  await page.getByRole('link', { name: /Checkout/ }).click();
  await expect(page.getByLabel('Customer code')).toBeVisible();
});

test('a wrong password is told in words, and the login stays', async ({ page }) => {
  await open(page, '/staff');
  await page.getByLabel('Login').fill('nobody');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('do not go together');
  await expect(page).toHaveURL(/\/staff/);
});

test('a purchase from the code to the next customer', async ({ cashier, customer, till }) => {
  const code = await customer.cardNumber();
  const { page } = cashier;
  await open(page, '/checkout');
  await expect(page.getByLabel('Customer code')).toBeFocused();
  await scanCode(page, code.replaceAll(/(\d{4})/g, '$1 ').trim());
  await expect(page.getByText('Vera', { exact: true })).toBeVisible();
  await expect(page.getByText(/Newcomers/)).toBeVisible();
  const cards = page.getByRole('group', { name: 'Cards' }).getByRole('radio');
  await expect(cards).toHaveCount(3);
  await expect(cards.nth(0)).toBeChecked();

  await add(page, 'Cappuccino');
  await add(page, 'Cappuccino');
  await add(page, 'Butter croissant');
  await settled(page);
  await expect(page.getByLabel('Quantity: Cappuccino')).toHaveValue('2');
  const [shelf, discount, total] = [await figure(page, 'Shelf prices'), await figure(page, 'Discount'), await figure(page, 'To pay')];
  expect(discount).toBeLessThan(0);
  expect(shelf + discount).toBe(total);

  // Why this discount: the card and its reason.
  const line = basketLine(page, 'Cappuccino');
  await line.getByText('Why this discount?').click();
  const found = await till.identify(code);
  await expect(line.getByText(found.cards[0].title)).toBeVisible();
  await expect(line.getByText(found.cards[0].reasons[0])).toBeVisible();

  await page.getByRole('button', { name: 'One less: Cappuccino' }).click();
  await settled(page);
  expect(await figure(page, 'Shelf prices')).toBeLessThan(shelf);
  const due = await figure(page, 'To pay');
  const off = -(await figure(page, 'Discount'));

  await pay(page).click();
  await expect(page.getByLabel('Receipt number')).toHaveValue(/\d+/);
  await expect(page.getByText(pounds(due)).first()).toBeVisible();
  await page.getByRole('button', { name: 'Paid, close the purchase' }).click();
  await expect(page.getByRole('heading', { name: 'Purchase closed' })).toBeVisible();
  expect(await figure(page, 'Saved today')).toBe(off);
  expect(await figure(page, 'Saved in all')).toBe(off);
  expect(await figure(page, 'Paid')).toBe(due);
  await expect(page.getByText('New segment')).toBeVisible();

  await page.getByRole('button', { name: 'Next customer' }).click();
  await expect(page.getByText('Nobody yet.')).toBeVisible();
  await expect(page.getByText('Tap a product to begin.')).toBeVisible();
  expect(await customer.savings()).toBe(off);
});

test('another card at the counter changes the discount', async ({ cashier, customer, till }) => {
  const code = await customer.cardNumber();
  const product = (await till.identify(code)).cards.find((card) => card.scope.kind === 'product')!;
  const { page } = cashier;
  await open(page, '/checkout');
  await scanCode(page, code);
  const cards = page.getByRole('group', { name: 'Cards' });
  await expect(cards.getByRole('radio')).toHaveCount(3);
  const other = product.scope.ref === 'soup' ? 'Granola & yoghurt' : 'Soup of the day';
  await add(page, other);
  await settled(page);
  expect(await figure(page, 'Discount')).toBeLessThan(0);
  await cards.locator('label').filter({ hasText: product.title }).click();
  await expect(cards.getByRole('radio', { name: product.title })).toBeChecked();
  await settled(page);
  await expect(page.getByText('Discount', { exact: true })).toHaveCount(0);
  await page.getByRole('button', { name: 'Cancel purchase' }).click();
  await expect(page.getByText('Tap a product to begin.')).toBeVisible();
});

test('a code that nobody has is told in words, and the basket stays', async ({ cashier }) => {
  const { page } = cashier;
  await open(page, '/checkout');
  await add(page, 'Espresso');
  await scanCode(page, '1234 5678 9012 3456');
  await expect(page.getByRole('alert')).toContainText('Nobody has this code.');
  await scanCode(page, '<script>alert(1)</script>');
  await expect(page.getByRole('alert')).toContainText('Nobody has this code.');
  await expect(basketLine(page, 'Espresso')).toBeVisible();
  await settled(page);
});

test('a receipt number that was used already is told, and the next try closes', async ({ cashier }) => {
  const { page } = cashier;
  const receipt = `again-${Date.now()}`;
  await open(page, '/checkout');
  const close = async (number: string) => {
    await page.getByLabel('Receipt number').fill(number);
    await page.getByRole('button', { name: 'Paid, close the purchase' }).click();
  };
  const begin = async () => {
    await add(page, 'Filter of the day');
    await settled(page);
    await pay(page).click();
  };
  await begin();
  await close(receipt);
  await page.getByRole('button', { name: 'Next customer' }).click();
  await begin();
  await close(receipt);
  await expect(page.getByRole('alert')).toContainText('This receipt number was used already.');
  await close(`${receipt}-b`);
  await expect(page.getByRole('heading', { name: 'Purchase closed' })).toBeVisible();
});

test('a reload keeps the basket and the customer', async ({ cashier, customer }) => {
  const code = await customer.cardNumber();
  const { page } = cashier;
  await open(page, '/checkout');
  await scanCode(page, code);
  await expect(page.getByText('Vera', { exact: true })).toBeVisible();
  await add(page, 'Latte');
  await add(page, 'Carrot cake');
  await settled(page);
  const total = await figure(page, 'To pay');
  await page.reload();
  await alive(page);
  await expect(page.getByText('Vera', { exact: true })).toBeVisible();
  await expect(basketLine(page, 'Latte')).toBeVisible();
  await expect(basketLine(page, 'Carrot cake')).toBeVisible();
  await settled(page);
  expect(await figure(page, 'To pay')).toBe(total);
});

test('a network that goes away loses nothing, and one payment stays one', async ({ cashier, customer, faults }) => {
  faults.expect(/ERR_|Failed to (load|fetch)/);
  const code = await customer.cardNumber();
  const { page } = cashier;
  await open(page, '/checkout');
  await scanCode(page, code);
  await expect(page.getByText('Vera', { exact: true })).toBeVisible();

  // The quote does not come through: the basket is safe and asks to try again.
  await page.route(/\/fn\/v1\/checkout\/quote/, (route) => route.abort('internetdisconnected'));
  await add(page, 'Travel cup');
  await expect(page.getByRole('alert')).toContainText('The basket is safe');
  await page.unroute(/\/fn\/v1\/checkout\/quote/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await settled(page);
  const off = -(await figure(page, 'Discount'));

  // The shop records the purchase, and the answer is lost on its way.
  await pay(page).click();
  await page.route(/\/fn\/v1\/checkout\/close/, async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  await page.getByRole('button', { name: 'Paid, close the purchase' }).click();
  await expect(page.getByText('The answer was lost')).toBeVisible();
  await page.unroute(/\/fn\/v1\/checkout\/close/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Purchase closed' })).toBeVisible();
  expect(await customer.savings(), 'counted once').toBe(off);
});

test('quick taps end in the price of the last basket', async ({ cashier }) => {
  const { page } = cashier;
  await open(page, '/checkout');
  for (let taps = 0; taps < 8; taps++) await add(page, 'Cortado');
  await page.getByRole('button', { name: 'One less: Cortado' }).click();
  await settled(page);
  await expect(page.getByLabel('Quantity: Cortado')).toHaveValue('7');
  const line = basketLine(page, 'Cortado');
  const one = pence(await line.getByText('×').innerText());
  expect(await figure(page, 'To pay')).toBe(7 * one);
});

test('products are found by name and by category', async ({ cashier }) => {
  const { page } = cashier;
  await open(page, '/checkout');
  const tiles = page.getByRole('button', { name: /^Add / });
  await page.getByRole('group', { name: 'Categories' }).getByRole('button', { name: 'Tea' }).click();
  await expect(tiles.filter({ hasText: 'Earl Grey' })).toBeVisible();
  await expect(tiles.filter({ hasText: 'Espresso' })).toHaveCount(0);
  await page.getByRole('group', { name: 'Categories' }).getByRole('button', { name: 'All' }).click();
  await page.getByRole('searchbox', { name: 'Search products' }).fill('éclair');
  await expect(tiles).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(basketLine(page, 'Coffee éclair')).toBeVisible();
});

test('the counter is closed to everybody else', async ({ page, customer, marketer }) => {
  await page.goto('/checkout');
  await expect(customer.page).toHaveURL(/\/staff/);
  await marketer.page.goto('/checkout');
  await expect(marketer.page.getByRole('alert')).toContainText('This account may not see this screen.');
  await expect(marketer.page.getByLabel('Customer code')).toHaveCount(0);
});

test('a cashier who speaks Russian reads products, their parts and the new segment in Russian', async ({ cashier, customer }) => {
  const { page } = cashier;
  await page.request.get('/preferences?locale=ru&next=/manifest.en.webmanifest');
  const code = await customer.cardNumber();
  await open(page, '/checkout');
  await page.getByLabel('Код гостя').fill(code);
  await page.keyboard.press('Enter');
  await expect(page.getByText('Vera', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Кофе', exact: true }).click();
  await page.getByRole('button', { name: /^Добавить Эспрессо,/ }).click();
  await page.getByRole('button', { name: /^Оплатить / }).click();
  await page.getByRole('button', { name: 'Оплачено, закрыть покупку' }).click();
  await expect(page.getByText('Новый сегмент')).toBeVisible();
  await expect(page.getByText(/визиты 1 \(было 0\), средний чек \d+,\d\d/)).toBeVisible();
});
