// Kava as an app: it installs, starts without a network, and its downloads are small, hashed and guarded.
import { alive, expect, open, test } from '../support/actors';
import { scan } from '../support/scanner';

test('the manifest and its icons make an installable app in both languages', async ({ request }) => {
  for (const [tag, start] of [['en', /Kava/], ['ru', /Kava/]] as const) {
    const answer = await request.get(`/manifest.${tag}.webmanifest`);
    expect(answer.status()).toBe(200);
    expect(answer.headers()['content-type']).toContain('application/manifest+json');
    const manifest = await answer.json();
    expect(manifest).toMatchObject({ name: expect.stringMatching(start), display: 'standalone', lang: tag });
    expect(manifest.start_url).toMatch(/^\//);
    expect(manifest.id).toBeTruthy();
    const icons: { src: string; sizes: string; purpose?: string }[] = manifest.icons;
    for (const size of ['192x192', '512x512']) expect(icons.map((icon) => icon.sizes)).toContain(size);
    expect(icons.some((icon) => icon.purpose?.includes('maskable'))).toBe(true);
    for (const icon of icons) expect((await request.get(icon.src)).status(), icon.src).toBe(200);
  }
});

test('every page names a manifest and icons that exist', async ({ page, request }) => {
  await open(page, '/');
  const links = await page.locator('link[rel=manifest], link[rel=icon], link[rel=apple-touch-icon], link[rel=preload], link[rel=stylesheet], link[rel=modulepreload], script[src]')
    .evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? link.getAttribute('src')!));
  expect(links.length).toBeGreaterThanOrEqual(6);
  for (const link of links) expect((await request.get(link)).status(), link).toBe(200);
});

test('without a network the code is there, made by the phone itself', async ({ customer, home, till, faults }) => {
  const { page } = customer;
  faults.expect(/ERR_|Failed to (load|fetch)|net::/);
  await open(page, '/');
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await expect.poll(() => page.evaluate(async () => Boolean((await navigator.serviceWorker.ready).active?.state === 'activated'))).toBe(true);

  home.online(false);
  for (const address of ['/', '/savings', '/menu/coffee']) {
    await page.goto(address);
    await expect(page.getByRole('heading', { level: 1, name: 'You are offline' })).toBeVisible();
    await expect(page.getByRole('img', { name: 'QR code for the till' })).toBeVisible();
  }
  // What the phone shows is good at the till, which has its own connection.
  const code = await scan(page.getByRole('img', { name: 'QR code for the till' }), 'QRCode');
  await expect(page.getByText('Vera')).toHaveCount(0);

  home.online(true);
  expect(await till.identify(code)).toMatchObject({ customer: { display_name: 'Vera' } });
  await page.getByRole('button', { name: 'Try again' }).click();
  await alive(page);
  await expect(page).toHaveURL('/menu/coffee');
  await expect(page.getByRole('heading', { name: 'Flat white' })).toBeVisible();
});

test('offline, somebody who is not signed in is told what to do', async ({ page, home, faults }) => {
  faults.expect(/ERR_|Failed to (load|fetch)|net::/);
  await open(page, '/');
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  home.online(false);
  await page.goto('/menu');
  await expect(page.getByRole('heading', { level: 1, name: 'You are offline' })).toBeVisible();
  await expect(page.getByText('Open your code once while you are connected')).toBeVisible();
});

test('an open page says that the network is away, and goes on when it is back', async ({ customer }) => {
  const { page } = customer;
  await open(page, '/');
  await page.context().setOffline(true);
  await expect(page.getByText('No connection. Your code works all the same.')).toBeVisible();
  await page.context().setOffline(false);
  await expect(page.getByText('No connection. Your code works all the same.')).toBeHidden();
});

test('hashed files never change and come compressed; the service worker is asked for again', async ({ page, request }) => {
  const loaded = new Map<string, Record<string, string>>();
  page.on('response', (answer) => {
    const { pathname } = new URL(answer.url());
    if (pathname.startsWith('/pkg/')) loaded.set(pathname, answer.headers());
  });
  await open(page, '/');
  const kinds = [...loaded.keys()].map((path) => path.split('.').at(-1));
  expect(new Set(kinds)).toEqual(new Set(['js', 'wasm', 'css']));
  for (const path of loaded.keys()) {
    expect(path).toMatch(/\.[\w-]{8,}\.(js|wasm|css)$/);
    for (const encoding of ['br', 'gzip']) {
      const answer = await request.get(path, { headers: { 'accept-encoding': encoding } });
      expect(answer.headers()).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        'content-encoding': encoding,
        vary: expect.stringMatching(/accept-encoding/i),
      });
    }
  }
  expect(loaded.get([...loaded.keys()].find((path) => path.endsWith('.wasm'))!)).toMatchObject({ 'content-type': 'application/wasm' });

  const worker = await request.get('/sw.js');
  expect(worker.headers()['cache-control']).toBe('no-cache');
  expect(worker.headers()['content-type']).toContain('javascript');
  expect(await worker.text()).not.toContain('__BUILD__');
});

test('pages are guarded by their headers', async ({ customer, request }) => {
  const { page } = customer;
  const first = (await page.goto('/'))!.headers();
  const second = (await page.goto('/'))!.headers();
  const policy = first['content-security-policy'];
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe-inline');
  expect(policy).not.toMatch(/unsafe-eval'/.test(policy.replace('wasm-unsafe-eval', '')) ? /unsafe-eval/ : /$^/);
  expect(policy, 'a nonce of its own for each answer').not.toBe(second['content-security-policy']);
  expect(first).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': expect.stringContaining('no-store') });
  expect(first['permissions-policy']).toContain('camera=(self)');

  // Another site cannot act for the customer.
  const forged = await page.request.post('/fn/v1/sign-out', { headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } });
  expect(forged.status()).toBe(403);
  await open(page, '/');
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Vera' })).toBeVisible();
  expect((await request.get('/metrics')).status(), 'metrics are for callers on this machine').toBe(200);
});
