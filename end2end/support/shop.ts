// The shop under test: where it is, the demo's log-ins, and its command line.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

function given(...names: string[]): string {
  for (const name of names) {
    const value = process.env[name];
    if (value) return value;
  }
  throw new Error(`${names.join(' or ')} is not set: run \`cargo xtask e2e\``);
}

export const shopAddress = () => new URL(given('KAVA_E2E_URL'));

/** As `kava serve` prints them at every start of a demo shop. */
export const DEMO = {
  currency: 'GBP',
  tillKey: 'kava-demo-till-soho-1',
  otherTillKey: 'kava-demo-till-camden-1',
  staff: {
    cashier: { login: 'cashier', password: 'cashier-demo' },
    marketer: { login: 'marketer', password: 'marketer-demo' },
    admin: { login: 'admin', password: 'admin-demo' },
  },
} as const;

export type StaffRole = keyof typeof DEMO.staff;

/** Runs `kava …` on the data of the shop that serves, as its operator would. Rejects when it ends with an error. */
export async function kava(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const env: NodeJS.ProcessEnv = { ...process.env, KAVA_DATA: given('KAVA_DATA', 'KAVA_E2E_DATA') };
  return promisify(execFile)(given('KAVA_BIN'), args, { env, maxBuffer: 16 * 1024 * 1024 });
}

/** Pence of `£1,234.50`, `1 234,50 £` or `−£3`; exactly one amount must stand in the text. */
export function pence(text: string): number {
  const amounts = [...text.matchAll(/([\u2212-]?)\s*(?:£\s?([\d,]+(?:\.\d\d)?)|([\d\u00a0\u202f]+(?:,\d\d)?)\s?£)/gu)];
  if (amounts.length !== 1) throw new Error(`expected one amount in ${JSON.stringify(text)}, found ${amounts.length}`);
  const [, sign, english, russian] = amounts[0];
  const plain = english ? english.replaceAll(',', '') : russian.replaceAll(/[\u00a0\u202f]/g, '').replace(',', '.');
  return Math.round(Number(plain) * 100) * (sign ? -1 : 1);
}

/** `£4.20`, as the English pages write it. */
export function pounds(minor: number): string {
  const whole = Math.floor(Math.abs(minor) / 100).toString().replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `${minor < 0 ? '\u2212' : ''}£${whole}.${String(Math.abs(minor) % 100).padStart(2, '0')}`;
}
