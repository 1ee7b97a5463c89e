// Who acts in the stories. Every actor fails the test when their browser meets an error that the test did not announce.
import { randomInt } from 'node:crypto';
import { type Browser, type BrowserContext, type Locator, type Page, test as base, expect } from '@playwright/test';
import { type HomeAddress, homeAddress } from './home-address';
import { DEMO, type StaffRole, pence } from './shop';
import { Till } from './till';

export { expect };

/** Errors that a story provokes on purpose (the network goes away, an address is unknown) are announced here. */
export class Faults {
  private readonly expected: RegExp[] = [];
  readonly seen: string[] = [];

  expect(pattern: RegExp) {
    this.expected.push(pattern);
  }

  unexpected(): string[] {
    return this.seen.filter((fault) => !this.expected.some((pattern) => pattern.test(fault)));
  }
}

/** A number that nobody has had in any run of these tests. */
export function freshPhone(): string {
  return `+44${randomInt(100_0000000, 999_9999999)}`;
}

/** Opens an address and waits until the page is alive. */
export async function open(page: Page, path: string) {
  await page.goto(path);
  await alive(page);
}

export async function alive(page: Page) {
  await expect(page.locator('html[data-hydrated]')).toBeAttached();
}

export class Customer {
  constructor(readonly page: Page, readonly phone: string) {}

  /** Signs in (the first time: registers) as the forms do without JavaScript: stories that are about something else. */
  async signIn(name?: string) {
    const { request } = this.page;
    const html = { accept: 'text/html' };
    await request.post('/fn/v1/sign-in/request-code', { headers: html, form: { phone: this.phone, next: '/' } });
    const code = await lastCode(this.page.context(), this.phone);
    const done = await request.post('/fn/v1/sign-in/prove', { headers: html, form: { code, next: '/' } });
    expect(new URL(done.url()).pathname, 'signed in').toMatch(/^\/(welcome)?$/);
    if (name) await request.post('/fn/v1/profile/save', { headers: html, form: { form: 'welcome', name } });
  }

  /** The savings counter of the home screen, in pence. */
  async savings(): Promise<number> {
    await open(this.page, '/');
    return pence(await this.page.getByRole('link', { name: /you have saved/i }).innerText());
  }

  /** The number below the code, as the customer would read it out. */
  async cardNumber(): Promise<string> {
    await open(this.page, '/');
    const text = await this.page.getByText(/\d{4} \d{4} \d{4} \d{4}/).first().innerText();
    return text.match(/\d{4} \d{4} \d{4} \d{4}/)![0].replaceAll(' ', '');
  }

  cards(): Locator {
    return this.page.getByRole('radiogroup', { name: 'Your cards' }).getByRole('radio');
  }

  /** Taps a card and waits until the shop has taken the choice. */
  async choose(card: number) {
    const taken = this.page.waitForResponse((answer) => answer.url().includes('/fn/v1/home/choose-card'));
    await this.page.getByRole('radiogroup', { name: 'Your cards' }).locator('label').nth(card).click();
    expect((await taken).ok()).toBe(true);
  }
}

/** The newest code that was sent to this phone, read from the demo's messages without a page. */
export async function lastCode(context: BrowserContext, phone: string): Promise<string> {
  const answer = await context.request.get('/demo/messages');
  expect(answer.status(), 'the demo shows its messages').toBe(200);
  const text = (await answer.text()).replaceAll(/<(script|style)[\s\S]*?<\/\1>|<!--[\s\S]*?-->/g, '').replaceAll(/<[^>]+>/g, ' ');
  return codeBehind(text, phone);
}

/** The first six digits after the first mention of the phone. */
export function codeBehind(messages: string, phone: string): string {
  const after = messages.split(phone)[1];
  const code = after?.match(/(?<!\d)(\d{3})[\s\u00a0-]?(\d{3})(?!\d)/);
  expect(code, `a code for ${phone}`).toBeTruthy();
  return code![1] + code![2];
}

export class Staff {
  constructor(readonly page: Page, readonly role: StaffRole) {}

  async signIn() {
    const done = await this.page.request.post('/fn/v1/staff/sign-in', {
      headers: { accept: 'text/html' },
      form: { ...DEMO.staff[this.role] },
    });
    expect(new URL(done.url()).search, 'signed in').not.toContain('refused');
  }
}

interface Actors {
  home: HomeAddress;
  faults: Faults;
  /** A customer whose phone the shop does not know yet, with a browser of their own. */
  stranger: Customer;
  /** A customer who is signed in. */
  customer: Customer;
  cashier: Staff;
  marketer: Staff;
  till: Till;
}

export const test = base.extend<Actors>({
  home: async ({}, use) => {
    const home = await homeAddress();
    await use(home);
    await home.close();
  },
  baseURL: async ({ home }, use) => use(home.url),
  faults: async ({}, use) => {
    const faults = new Faults();
    await use(faults);
    expect(faults.unexpected(), 'errors in the browser').toEqual([]);
  },
  context: async ({ context, faults }, use) => {
    watch(context, faults);
    await use(context);
  },
  stranger: async ({ page }, use) => use(new Customer(page, freshPhone())),
  customer: async ({ stranger }, use) => {
    await stranger.signIn('Vera');
    await use(stranger);
  },
  cashier: async ({ browser, faults }, use) => withStaff(browser, faults, 'cashier', use),
  marketer: async ({ browser, faults }, use) => withStaff(browser, faults, 'marketer', use),
  till: async ({ playwright, baseURL }, use) => {
    const http = await playwright.request.newContext({ baseURL });
    await use(new Till(http));
    await http.dispose();
  },
});

/** Staff work at a device of their own. */
async function withStaff(browser: Browser, faults: Faults, role: StaffRole, use: (staff: Staff) => Promise<void>) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  watch(context, faults);
  const staff = new Staff(await context.newPage(), role);
  await staff.signIn();
  await use(staff);
  await context.close();
}

export function watch(context: BrowserContext, faults: Faults) {
  context.on('console', (message) => {
    if (message.type() === 'error') faults.seen.push(`${message.text()} [${message.location().url}]`);
  });
  context.on('weberror', (error) => {
    const { name, message, stack } = error.error();
    faults.seen.push(`${name}: ${message} ${stack} [${error.page()?.url()}]`);
  });
}
