// How the chain begins: yesterday's receipts come in, segments are found, and one of the customers buys today.
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Customer, expect, freshPhone, open, test } from '../support/actors';
import { kava, pence, pounds } from '../support/shop';

interface Receipts {
  csv: string;
  lines: number;
  /** The customer whom the story follows, and what they paid in the file. */
  hero: string;
  heroVisits: number;
}

/** Forty customers of three kinds, in the columns of a well-known data set; numbers that no other run uses. */
function receipts(run: number): Receipts {
  const rows = ['InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'];
  const goods = [
    [`${run}1A`, 'RED CERAMIC LANTERN', '4.95'],
    [`${run}2B`, 'BLUE CERAMIC LANTERN', '4.25'],
    [`${run}3C`, 'GREEN GLASS CANDLE', '1.65'],
    [`${run}4D`, 'WHITE GLASS CANDLE', '2.10'],
  ];
  let invoice = 0;
  const day = (n: number) => `2010-12-${String(1 + (n % 28)).padStart(2, '0')} ${String(9 + (n % 8)).padStart(2, '0')}:15`;
  for (let person = 0; person < 40; person++) {
    const visits = [1, 3, 9][person % 3];
    for (let visit = 0; visit < visits; visit++) {
      const number = `${run}${String(++invoice).padStart(4, '0')}`;
      for (let line = 0; line <= person % 3; line++) {
        const [sku, name, price] = goods[(person + line) % goods.length];
        rows.push(`${number},${sku},${name},${1 + (person % 5)},${day(person + visit * 3)},${price},${run}${String(person).padStart(3, '0')},United Kingdom`);
      }
    }
  }
  // One without a customer, one that was brought back.
  rows.push(`${run}9001,${goods[0][0]},${goods[0][1]},2,${day(3)},${goods[0][2]},,France`);
  rows.push(`C${run}9002,${goods[0][0]},${goods[0][1]},-1,${day(20)},${goods[0][2]},${run}002,United Kingdom`);
  return { csv: `${rows.join('\n')}\n`, lines: rows.length - 1, hero: `${run}002`, heroVisits: 9 };
}

test('imported receipts become customers with segments and cards, and one of them buys', async ({ marketer, page, till }) => {
  test.setTimeout(120_000);
  const run = randomInt(100_000, 999_999);
  const { csv, lines, hero } = receipts(run);
  const file = test.info().outputPath('receipts.csv');
  await writeFile(file, csv);

  const importing = ['import', 'receipts', file, '--currency', 'GBP', '--assume-margin', '35%'];
  const report = await kava(...importing);
  expect(report.stdout + report.stderr).toContain(String(lines));
  const again = await kava(...importing);
  expect(again.stdout + again.stderr).toMatch(/already/i);
  await kava('work', '--once', 'segment');
  const phone = freshPhone();
  await kava('customers', 'set-phone', hero, phone);

  // The customer signs in for the first time and finds cards for what they have always bought.
  const customer = new Customer(page, phone);
  await customer.signIn();
  await open(page, '/');
  await expect(customer.cards()).toHaveCount(3);
  await expect(page.getByRole('link', { name: /you have saved/i })).toContainText('9 visits');
  await expect(page.getByRole('radiogroup', { name: 'Your cards' })).toContainText(/candle|lantern/i);
  expect(await customer.savings()).toBe(0);

  const code = await customer.cardNumber();
  const found = await till.identify(code);
  expect(found.customer.segment).not.toBe('Newcomers');
  expect(found.cards).toHaveLength(3);

  const revenueOf = async (segment: string) => {
    await open(marketer.page, '/marketing/segments');
    // Some names begin with the whole of another's.
    const named = marketer.page.getByRole('rowheader').filter({ hasText: new RegExp(`^\\d*${segment}$`) });
    const row = marketer.page.getByRole('table').first().getByRole('row').filter({ has: named });
    const amounts = (await row.innerText()).match(/[\u2212-]?£[\d,]+(\.\d\d)?/g)!.map(pence);
    return Math.max(...amounts);
  };
  expect(await revenueOf(found.customer.segment)).toBeGreaterThan(0);

  const sku = found.cards.find((card) => card.scope.kind === 'product')!.scope.ref!;
  const quote = await till.quote([{ sku, quantity: 400 }], { customer_code: code });
  expect(quote.customer!.segment).toBe(found.customer.segment);
  expect(quote.discount).toBeGreaterThan(0);
  const closed = await till.close(quote);
  expect(closed.savings).toEqual({ amount: quote.discount, currency: 'GBP' });
  expect(await customer.savings()).toBe(quote.discount);

  await open(page, '/savings');
  await expect(page.getByRole('listitem').filter({ hasText: pounds(quote.total) })).toContainText(`saved ${pounds(quote.discount)}`);
  const segment = closed.segment_changed?.to ?? found.customer.segment;
  expect(await revenueOf(segment)).toBeGreaterThanOrEqual(quote.total);
});

test('a broken file is refused with its line, and changes nothing', async () => {
  const run = randomInt(100_000, 999_999);
  const good = receipts(run).csv.trimEnd().split('\n');
  const file = test.info().outputPath('broken.csv');
  await writeFile(file, [...good.slice(0, 20), `${run}0999,X1,LAMP,NaN,2010-12-01 08:26,2.55,${run}001,UK`, ...good.slice(20)].join('\n'));
  const refused = await kava('import', 'receipts', file, '--currency', 'GBP', '--assume-margin', '35%').then(
    () => undefined,
    (error: { code: number; stderr: string }) => error,
  );
  expect(refused, 'the import fails').toBeDefined();
  expect(refused!.code).toBeGreaterThan(0);
  expect(refused!.stderr).toContain('21');
  // Nobody of the file came in.
  const nobody = await kava('customers', 'set-phone', `${run}000`, freshPhone()).then(() => undefined, (error: { stderr: string }) => error);
  expect(nobody?.stderr).toContain(`${run}000`);
});

test('a file in another currency is refused', async () => {
  const file = test.info().outputPath('euro.csv');
  await writeFile(file, receipts(randomInt(100_000, 999_999)).csv);
  const refused = await kava('import', 'receipts', file, '--currency', 'EUR', '--assume-margin', '35%').then(() => undefined, (error: { stderr: string }) => error);
  expect(refused?.stderr).toContain('GBP');
});
