// What a customer tells about themselves, and how they want to see Kava.
import { alive, expect, open, test } from '../support/actors';

test('what is saved stays, and what was not touched stays as it was', async ({ customer }) => {
  const { page } = customer;
  const save = async () => {
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('Saved.')).toBeVisible();
  };
  await open(page, '/profile');
  await expect(page.getByLabel('Name')).toHaveValue('Vera');
  await page.getByLabel('E-mail').fill('vera@example.org');
  await page.getByLabel('Day').selectOption('29');
  await page.getByLabel('Month').selectOption('2');
  await page.getByLabel(/Kava may write to me/).check();
  await save();

  await open(page, '/profile');
  await page.getByLabel('Name').fill('Vera K.');
  await save();

  await open(page, '/profile');
  await expect(page.getByLabel('Name')).toHaveValue('Vera K.');
  await expect(page.getByLabel('E-mail')).toHaveValue('vera@example.org');
  await expect(page.getByLabel('Day')).toHaveValue('29');
  await expect(page.getByLabel('Month')).toHaveValue('2');
  await expect(page.getByLabel(/Kava may write to me/)).toBeChecked();
  await expect(page.getByText(customer.phone)).toBeVisible();

  // A form that sends the name alone (the welcome page's) leaves the rest.
  await open(page, '/welcome');
  await page.getByLabel('Your name').fill('Vera');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Vera' })).toBeVisible();
  await open(page, '/profile');
  await expect(page.getByLabel('E-mail')).toHaveValue('vera@example.org');
  await expect(page.getByLabel('Day')).toHaveValue('29');
  await expect(page.getByLabel(/Kava may write to me/)).toBeChecked();

  // Emptied is emptied, and a no is a no.
  await page.getByLabel('E-mail').fill('');
  await page.getByLabel('Day').selectOption('');
  await page.getByLabel('Month').selectOption('');
  await page.getByLabel(/Kava may write to me/).uncheck();
  await save();
  await open(page, '/profile');
  await expect(page.getByLabel('E-mail')).toHaveValue('');
  await expect(page.getByLabel('Day')).toHaveValue('');
  await expect(page.getByLabel(/Kava may write to me/)).not.toBeChecked();
});

test('what cannot be is told beside its field, and nothing typed is lost', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/profile');
  await page.getByLabel('E-mail').fill('vera@nowhere');
  await page.getByLabel('Day').selectOption('31');
  await page.getByLabel('Month').selectOption('4');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('There is no such day.')).toBeVisible();
  await expect(page.getByLabel('E-mail')).toHaveValue('vera@nowhere');
  await page.getByLabel('Day').selectOption('30');
  await page.getByLabel('E-mail').fill('vera at home');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved.')).toBeHidden();
  await expect(page.getByLabel('E-mail')).toHaveValue('vera at home');
});

test('the language changes to Russian and back, and the theme stays', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/profile');
  await page.getByRole('link', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await alive(page);
  await page.getByRole('main').getByRole('link', { name: 'Русский' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ru');
  await expect(page.getByRole('heading', { level: 1, name: 'Профиль' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');

  await alive(page);
  await page.getByRole('link', { name: 'Код', exact: true }).first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Здравствуйте, Vera' })).toBeVisible();
  await expect(page.getByRole('radiogroup', { name: 'Ваши карты' }).getByRole('radio')).toHaveCount(3);
  await open(page, '/menu/coffee');
  await expect(page.getByRole('heading', { name: 'Эспрессо', exact: true })).toBeVisible();

  // The small link in the header leads back to the same page in the other language.
  await page.getByRole('link', { name: 'English' }).first().click();
  await expect(page).toHaveURL('/menu/coffee');
  await expect(page.getByRole('heading', { name: 'Espresso', exact: true })).toBeVisible();
});

test('signing out wipes this phone: cookie, kept code, and every page', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/');
  await expect.poll(() => page.evaluate(() => localStorage.length)).toBeGreaterThan(0);
  await open(page, '/profile');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in or join' })).toBeVisible();
  await alive(page);

  expect((await page.context().cookies()).map((cookie) => cookie.name)).not.toContain('kava_customer');
  await expect.poll(() => page.evaluate(() => localStorage.getItem('kava.code'))).toBeNull();
  const cached = await page.evaluate(async () => {
    const bodies: string[] = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) bodies.push(await (await cache.match(request))!.text());
    }
    return bodies.join('\n');
  });
  expect(cached).not.toContain('Vera');
  await page.goBack();
  await expect(page.getByText('Vera')).toHaveCount(0);
  await open(page, '/profile');
  await expect(page).toHaveURL(/\/sign-in/);
});

test('a stolen cookie is worth nothing after its owner signed out', async ({ customer, playwright, baseURL }) => {
  const { page } = customer;
  const stolen = await playwright.request.newContext({ baseURL, storageState: await page.context().storageState() });
  const seen = async () => (await (await stolen.get('/')).text()).includes('Vera');
  expect(await seen()).toBe(true);
  await open(page, '/profile');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in or join' })).toBeVisible();
  expect(await seen()).toBe(false);
  await stolen.dispose();
});

test('whoever deletes their account is forgotten, and may join again as somebody new', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/profile');
  await expect(page.getByRole('button', { name: 'Delete for good' })).toBeHidden();
  await page.getByText('Delete the account').click();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page, 'without the tick nothing happens').toHaveURL(/\/profile/);
  await page.getByLabel(/Yes, delete everything/).check();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText('Your account is deleted.')).toBeVisible();
  await expect.poll(() => page.evaluate(() => localStorage.getItem('kava.code'))).toBeNull();
  await open(page, '/profile');
  await expect(page).toHaveURL(/\/sign-in/);
  await customer.signIn('Nina');
  await open(page, '/savings');
  await expect(page.getByText('Vera')).toHaveCount(0);
});
