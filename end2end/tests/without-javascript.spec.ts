// Everything a customer must be able to do works before, and without, any script.
import { codeBehind, expect, freshPhone, test } from '../support/actors';

test.use({ javaScriptEnabled: false });

test('register, choose a card, read the menu, edit the profile, sign out', async ({ page }) => {
  const phone = freshPhone();
  await page.goto('/');
  await page.getByLabel('Phone number').fill(phone);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page.getByRole('heading', { name: 'Enter the code' })).toBeVisible();

  const messages = await page.context().newPage();
  await messages.goto('/demo/messages');
  const code = codeBehind(await messages.locator('main').innerText(), phone);
  await messages.close();
  await page.getByLabel('Six-digit code').fill('1');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('That is not the code we sent.')).toBeVisible();
  await page.getByLabel('Six-digit code').fill(code);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('Your name').fill('Noor');
  await page.getByRole('button', { name: 'Continue' }).click();

  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Noor' })).toBeVisible();
  await expect(page.getByRole('img', { name: 'QR code for the till' })).toBeVisible();
  const cards = page.getByRole('radiogroup', { name: 'Your cards' }).getByRole('radio');
  await page.getByRole('radiogroup', { name: 'Your cards' }).locator('label').nth(1).click();
  await page.getByRole('button', { name: 'Use this card' }).click();
  await expect(cards.nth(1)).toBeChecked();
  await page.reload();
  await expect(cards.nth(1)).toBeChecked();

  const parts = () => page.getByRole('navigation', { name: 'Parts of the menu' });
  await page.goto('/menu');
  await parts().getByRole('link', { name: 'Coffee' }).click();
  await expect(page.getByRole('heading', { name: 'Flat white' })).toBeVisible();

  await page.goto('/profile');
  await page.getByLabel('E-mail').fill('noor@example.org');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await expect(page.getByLabel('E-mail')).toHaveValue('noor@example.org');
  await page.getByRole('main').getByRole('link', { name: 'Русский' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Профиль' })).toBeVisible();

  await page.getByRole('button', { name: 'Выйти' }).click();
  await expect(page.getByRole('heading', { name: 'Войти или присоединиться' })).toBeVisible();
});

test('an account is deleted by two clicks and a tick', async ({ customer: { page } }) => {
  await page.goto('/profile');
  await page.getByText('Delete the account').click();
  await page.getByLabel(/Yes, delete everything/).check();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText('Your account is deleted.')).toBeVisible();
  await page.goto('/profile');
  await expect(page).toHaveURL(/\/sign-in/);
});

test('offers and savings are whole pages', async ({ customer: { page } }) => {
  await page.goto('/offers');
  await expect(page.getByRole('heading', { name: 'New cards for you' })).toBeVisible();
  await page.goto('/savings');
  await expect(page.getByRole('heading', { name: 'The jar is still empty' })).toBeVisible();
});

test('staff sign in, and the dashboard is a whole page', async ({ page }) => {
  await page.goto('/staff');
  await page.getByLabel('Login').fill('marketer');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('do not go together');
  await page.getByLabel('Login').fill('marketer');
  await page.getByLabel('Password').fill('marketer-demo');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeVisible();
  await expect(page.getByRole('table').first()).toBeVisible();
});
