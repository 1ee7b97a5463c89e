// A phone number is all that it takes: registering, coming back, and what is said when something is wrong.
import { type Page } from '@playwright/test';
import { alive, codeBehind, expect, open, test } from '../support/actors';

async function askForCode(page: Page, phone: string) {
  await page.getByLabel('Phone number').fill(phone);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page.getByRole('heading', { name: 'Enter the code' })).toBeVisible();
}

/** Reads the message as the demo's visitor does: in another tab, by the link that the page offers. */
async function readMessage(page: Page, phone: string): Promise<string> {
  const [messages] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('link', { name: 'See the messages' }).click(),
  ]);
  await expect(messages.getByText(phone).first()).toBeVisible();
  const code = codeBehind(await messages.locator('main').innerText(), phone);
  await messages.close();
  return code;
}

async function enterCode(page: Page, code: string) {
  await page.getByLabel('Six-digit code').fill(code);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

test('a stranger registers with a phone number and a code, and is asked for a name once', async ({ stranger }) => {
  const { page, phone } = stranger;
  await open(page, '/');
  await askForCode(page, phone.replace(/^(\+44)(\d{4})/, '$1 $2 '));
  await enterCode(page, await readMessage(page, phone));

  await expect(page.getByRole('heading', { name: 'Welcome to Kava' })).toBeVisible();
  await page.getByLabel('Your name').fill('Zoë');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Zoë' })).toBeVisible();
  await expect(stranger.cards()).toHaveCount(3);

  await page.getByRole('link', { name: 'Profile' }).first().click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in or join' })).toBeVisible();
});

test('a customer comes back to the page that asked for the sign-in', async ({ stranger }) => {
  const { page, phone } = stranger;
  await stranger.signIn('Ada');
  await page.context().clearCookies();

  await open(page, '/savings');
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await askForCode(page, phone);
  await enterCode(page, await readMessage(page, phone));
  await expect(page.getByRole('heading', { level: 1, name: 'Savings' })).toBeVisible();
  await expect(page).toHaveURL('/savings');
});

test('a wrong code is told in words, and too many of them end the tries', async ({ stranger }) => {
  const { page, phone } = stranger;
  await open(page, '/sign-in');
  await askForCode(page, phone);
  const code = await readMessage(page, phone);
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');

  await enterCode(page, '12');
  await expect(page.getByText('That is not the code we sent.')).toBeVisible();
  await enterCode(page, wrong);
  await expect(page.getByText('That is not the code we sent.')).toBeVisible();
  await expect(page.getByLabel('Six-digit code')).toHaveAttribute('aria-invalid', 'true');

  // Each press is answered before the next one; the right code no longer helps once the tries are used up.
  for (let tries = 0; tries < 5; tries++) {
    const answered = page.waitForResponse(/\/fn\/v1\/sign-in\/prove/);
    await enterCode(page, wrong);
    await answered;
    await expect(page.getByRole('button', { name: 'Sign in', exact: true })).toBeEnabled();
  }
  await enterCode(page, code);
  await expect(page.getByText(/too many tries|too old/i)).toBeVisible();
  await expect(page).toHaveURL(/\/sign-in\/code/);
});

test('a phone number that cannot be one is told beside the field', async ({ stranger }) => {
  const { page } = stranger;
  await open(page, '/sign-in');
  for (const [typed, words] of [
    ['020 7946 0018', 'Begin with + and the country code'],
    ['+44 20', 'A phone number has 8 to 15 digits'],
    ['+44 20 hello', 'A phone number has 8 to 15 digits'],
  ]) {
    await page.getByLabel('Phone number').fill(typed);
    await page.getByRole('button', { name: 'Send me a code' }).click();
    await expect(page.getByText(words)).toBeVisible();
    await expect(page.getByLabel('Phone number')).toHaveValue(typed);
  }
});

test('another code can be asked for only after a pause, and the page counts it down', async ({ stranger }) => {
  const { page, phone } = stranger;
  await open(page, '/sign-in');
  await page.clock.install();
  await open(page, '/sign-in');
  await askForCode(page, phone);
  const again = page.getByRole('button', { name: /send another code/i });
  await expect(again).toBeDisabled();
  await expect(again).toContainText(/\(\d+\)/);
  await page.clock.runFor(60_000);
  await expect(again).toBeEnabled();
  // The shop keeps its own clock: a hurried phone is told how long to wait.
  await again.click();
  await expect(page.getByText(/too many tries\. you can try again in \d+ (second|minute)/i)).toBeVisible();
});

test('an expired sign-in begins again', async ({ stranger }) => {
  const { page, phone } = stranger;
  await open(page, '/sign-in');
  await askForCode(page, phone);
  await page.context().clearCookies({ name: /kava_signing_in/ });
  await enterCode(page, '123456');
  await expect(page.getByText('This code is too old. Ask for a new one.')).toBeVisible();
  await page.reload();
  await alive(page);
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
});
