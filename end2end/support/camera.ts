// The camera of a counter's tablet: Chromium's fake one, which films what a customer holds in front of it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserType, LaunchOptions, Locator, Page } from '@playwright/test';
import { readBarcodes } from 'zxing-wasm/reader';
import './scanner';

/** A browser with a camera that films `seen`. */
export async function withCamera(
  chromium: BrowserType,
  options: LaunchOptions,
  seen: Buffer,
  use: (browser: Browser) => Promise<void>,
) {
  const folder = await mkdtemp(join(tmpdir(), 'kava-camera-'));
  const film = join(folder, 'film.mjpeg');
  // A film is one JPEG after the other; Chromium plays it over and over.
  await writeFile(film, Buffer.concat([seen, seen]));
  const browser = await chromium.launch({
    ...options,
    args: [
      ...(options.args ?? []),
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-video-capture=${film}`,
    ],
  });
  try {
    await use(browser);
  } finally {
    await browser.close();
    await rm(folder, { recursive: true });
  }
}

/** What a camera sees of a code on a phone: its picture in the middle of a white field. */
export async function filmed(page: Page, code: Locator): Promise<Buffer> {
  const picture = (await code.screenshot()).toString('base64');
  const field = await page.context().newPage();
  await field.setViewportSize({ width: 640, height: 480 });
  await field.setContent(
    `<body style="margin:0;display:grid;place-items:center;height:100vh;background:#fff"><img style="max-width:560px;max-height:400px" src="data:image/png;base64,${picture}">`,
  );
  const frame = await field.screenshot({ type: 'jpeg', quality: 95 });
  await field.close();
  return frame;
}

/**
 * Gives the browser the `BarcodeDetector` that tablets have and Chromium on Linux has not: it takes the frames that the
 * page's own video shows, and a real decoder reads them.
 */
export async function withDetector(context: BrowserContext) {
  await context.exposeFunction('readFrame', async (png: string) => {
    const codes = await readBarcodes(Buffer.from(png, 'base64'), { formats: ['QRCode', 'Code128'] });
    return codes.map((code) => ({ rawValue: code.text }));
  });
  await context.addInitScript(() => {
    class Detector {
      static async getSupportedFormats() {
        return ['code_128', 'qr_code'];
      }

      async detect(video: HTMLVideoElement): Promise<{ rawValue: string }[]> {
        const frame = document.createElement('canvas');
        frame.width = video.videoWidth;
        frame.height = video.videoHeight;
        frame.getContext('2d')!.drawImage(video, 0, 0);
        return (globalThis as any).readFrame(frame.toDataURL('image/png').split(',')[1]);
      }
    }
    (globalThis as any).BarcodeDetector = Detector;
  });
}
