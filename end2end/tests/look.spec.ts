// Every page in both themes, both languages, at a phone's and a desk's width: readable by assistive technology, nothing
// off the screen. With KAVA_E2E_PICTURES=folder it leaves a picture of each.
import AxeBuilder from '@axe-core/playwright';
import { type Page } from '@playwright/test';
import { expect, test } from '../support/actors';

const WIDTHS = [390, 1440];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
// Pages do not know of each other: both cores look.
test.describe.configure({ mode: 'parallel', timeout: 120_000 });
const pictures = process.env.KAVA_E2E_PICTURES;

/** What stands in the way of somebody who reads with assistive technology. */
async function broken(page: Page): Promise<string[]> {
  // There are no frames, and only what is wrong is looked at: half the time.
  const axe = new AxeBuilder({ page }).options({ resultTypes: ['violations'], iframes: false, preload: false }).withTags(TAGS).setLegacyMode();
  const { violations } = await axe.analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
}

// A page that was just made narrow may be laid out once more; what stays off the screen is told, and the pages after it too.
const settled = expect.configure({ soft: true });

/** What reaches beyond the screen's right edge, and is not in something that scrolls by itself. */
function offScreen(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const clips = (element: Element | null): boolean =>
      element !== null && element !== document.body && (getComputedStyle(element).overflowX !== 'visible' || clips(element.parentElement));
    const out = [...document.body.querySelectorAll('*')].filter(
      (element) => element.getBoundingClientRect().right > clientWidth && !clips(element.parentElement),
    );
    const told = out.slice(-5).map((element) => `${element.tagName} ${element.getAttribute('class') ?? ''}: ${element.textContent?.slice(0, 40)}`);
    return [`${scrollWidth - clientWidth} px`, ...told];
  });
}

async function look(page: Page, path: string, name: string) {
  await page.goto(path);
  await expect(page.locator('html[data-hydrated]')).toBeAttached();
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  await expect(page.locator('h1')).toHaveCount(1);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await settled.poll(() => offScreen(page), { message: `${name} at ${width} px: off the screen`, timeout: 3_000 }).toEqual([]);
    expect.soft(await broken(page), `${name} at ${width} px`).toEqual([]);
    if (pictures) await page.screenshot({ path: `${pictures}/${name}-${width}.png`, fullPage: true });
  }
}

for (const locale of ['en', 'ru'] as const) {
  for (const theme of ['light', 'dark'] as const) {
    test.describe(`${locale}, ${theme}`, () => {
      const suffix = `${locale}-${theme}`;
      const prefer = async (page: Page) => {
        await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: theme });
        await page.request.get(`/preferences?locale=${locale}&theme=${theme}&next=/manifest.en.webmanifest`);
      };

      test('pages for everybody', async ({ page, faults }) => {
        faults.expect(/status of 404/);
        await prefer(page);
        for (const [path, name] of [
          ['/', 'landing'],
          ['/sign-in', 'sign-in'],
          ['/sign-in?refused=phone-invalid', 'sign-in-refused'],
          ['/menu', 'menu'],
          ['/menu/bakery', 'menu-bakery'],
          ['/staff', 'staff'],
          ['/demo/messages', 'messages'],
          ['/offline', 'offline'],
          ['/nothing-here', 'not-found'],
        ]) await look(page, path, `${name}-${suffix}`);
      });

      test("a customer's pages", async ({ customer, till }) => {
        const { page } = customer;
        await till.sell([{ sku: 'flat-white', quantity: 2 }, { sku: 'eclair', quantity: 1 }], { customer_code: await customer.cardNumber() });
        await till.cancel(await till.sell([{ sku: 'cocoa', quantity: 1 }], { customer_code: await customer.cardNumber() }));
        await page.request.post('/fn/v1/sign-in/request-code', { headers: { accept: 'text/html' }, form: { phone: '+447700900999', next: '/' } });
        await prefer(page);
        for (const [path, name] of [
          ['/', 'home'],
          ['/offers', 'offers'],
          ['/menu/coffee', 'menu-coffee'],
          ['/savings', 'savings'],
          ['/profile', 'profile'],
          ['/welcome', 'welcome'],
          ['/sign-in/code', 'code'],
          ['/sign-in/code?refused=code-wrong', 'code-refused'],
        ]) await look(page, path, `${name}-${suffix}`);
      });

      test("marketing's pages", async ({ marketer: { page } }) => {
        await prefer(page);
        for (const [path, name] of [
          ['/marketing/segments', 'segments'],
          ['/marketing/together', 'together'],
          ['/marketing/offers', 'marketing-offers'],
          ['/staff', 'staff-choice'],
          ['/checkout', 'checkout-forbidden'],
        ]) await look(page, path, `${name}-${suffix}`);
      });

      test("a cashier's pages", async ({ cashier: { page }, customer }) => {
        const code = await customer.cardNumber();
        await prefer(page);
        await look(page, '/checkout', `checkout-${suffix}`);
        await page.locator('#code').fill(code);
        await page.keyboard.press('Enter');
        await expect(page.getByText('Vera', { exact: true })).toBeVisible();
        await page.locator('button.goods').nth(3).click();
        await page.locator('button.goods').nth(8).click();
        await expect(page.locator('.totals__discount')).toBeVisible();
        await page.locator('details.why > summary').first().click();
        await seen(page, `checkout-basket-${suffix}`);
        await page.locator('.till__foot .button--primary').click();
        await expect(page.locator('#receipt')).toBeVisible();
        await seen(page, `checkout-pay-${suffix}`);
        await page.locator('#receipt').fill(`look-${suffix}-${Date.now()}`);
        await page.locator('.till__payment [type=submit]').click();
        await expect(page.locator('.till__sold')).toBeVisible();
        await seen(page, `checkout-sold-${suffix}`);
      });
    });
  }
}

/** Like `look`, of what the page shows now, on the counter's tablet and on a phone. */
async function seen(page: Page, name: string) {
  for (const width of [820, 390]) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    expect.soft(await broken(page), `${name} at ${width} px`).toEqual([]);
    if (pictures) await page.screenshot({ path: `${pictures}/${name}-${width}.png`, fullPage: true });
  }
}
