// Who decides what customers are offered. The demo is one shop for all tests: nothing here changes what anybody is offered.
import { expect, open, test } from '../support/actors';

test('terms are saved, and refused where they make no sense', async ({ marketer: { page } }) => {
  await open(page, '/marketing/segments');
  await page.getByRole('link', { name: 'Offers', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Personal offers' })).toBeVisible();
  await expect(page.getByText('Nobody is held out')).toBeVisible();
  await expect(page.getByLabel('Who decides')).toHaveValue('rule');
  await page.getByLabel('Budget a period').fill('99999.50');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The terms are saved.')).toBeVisible();
  await expect(page.getByLabel('Budget a period')).toHaveValue('99999.50');
  await expect(page.getByText('of the budget')).toBeVisible();

  for (const [field, value] of [['Most, %', '99'], ['Most, %', 'much'], ['Least, %', '20'], ['Held out, %', '60'], ['Budget a period', '-1']]) {
    await page.getByLabel(field!).fill(value!);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('alert')).toContainText('These terms make no sense');
    await expect(page.getByLabel('Budget a period'), 'what was there stays').toHaveValue('99999.50');
  }
  await page.getByLabel('Budget a period').fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('no budget set')).toBeVisible();
});

test('without offers by chance there is nothing to learn, and the page says what to do', async ({ marketer: { page } }) => {
  // An import of another test may be at work, and then this is told to try again.
  await expect(async () => {
    await open(page, '/marketing/offers');
    await page.getByRole('button', { name: 'Train now' }).click();
    await page.reload();
    await expect(page.getByText('There is too little to learn from yet.')).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await expect(page.getByRole('button', { name: 'Roll back' })).toHaveCount(0);
});

test('who sells sees none of it', async ({ cashier: { page } }) => {
  await open(page, '/marketing/offers');
  await expect(page.getByRole('heading', { level: 1, name: 'Personal offers' })).toBeVisible();
  await expect(page.getByLabel('Who decides')).toHaveCount(0);
  const answer = await page.request.post('/fn/v1/marketing/train', { headers: { accept: 'text/html' }, form: {}, maxRedirects: 0 });
  expect(answer.headers()['location']).toContain('refused=forbidden');
});
