// A till's scanner: reads what is on the customer's screen, from its pixels.
import { readFileSync } from 'node:fs';
import { type Locator, expect } from '@playwright/test';
import { type ReadInputBarcodeFormat, prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';

prepareZXingModule({
  overrides: { wasmBinary: readFileSync(require.resolve('zxing-wasm/reader/zxing_reader.wasm')).buffer as ArrayBuffer },
});

/** The text of the code that `picture` shows; fails when a scanner could not read it. */
export async function scan(picture: Locator, format: ReadInputBarcodeFormat): Promise<string> {
  const codes = await readBarcodes(new Uint8Array(await picture.screenshot()), { formats: [format], maxNumberOfSymbols: 2 });
  expect(codes.map((code) => code.format), `one ${format} code that a scanner can read`).toHaveLength(1);
  return codes[0].text;
}
