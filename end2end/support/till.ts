// A till of the chain: the REST plane as an integrator writes it, with the demo's key.
import { randomUUID } from 'node:crypto';
import type { APIRequestContext, APIResponse } from '@playwright/test';
import { DEMO } from './shop';

export interface Line {
  sku: string;
  quantity: number;
}

export interface Card {
  id: string;
  title: string;
  scope: { kind: 'basket' | 'category' | 'product'; ref?: string };
  rate_bp: number;
  active: boolean;
  reasons: string[];
}

export interface Session {
  session_id: string;
  state: string;
  version: number;
  currency: string;
  customer: { id: string; display_name: string; segment: string } | null;
  lines: { sku: string; quantity: number; unit_price: number; subtotal: number; discount: number; total: number;
    allocations: { source: string; id: string; amount: number }[] }[];
  subtotal: number;
  discount: number;
  total: number;
  effects: { type: string; position?: number }[];
  segment_changed?: { from: string; to: string; reason: string } | null;
  savings?: { amount: number; currency: string };
}

export class Till {
  constructor(
    private readonly http: APIRequestContext,
    private readonly key: string = DEMO.tillKey,
  ) {}

  async identify(code: string) {
    const answer = await this.post('/api/v1/identify', { code });
    return (await good(answer)) as {
      customer: { id: string; display_name: string; segment: string };
      code_kind: 'static' | 'rotating';
      cards: Card[];
      savings: { amount: number; currency: string };
    };
  }

  async quote(lines: Line[], more: { customer_code?: string; card_id?: string } = {}, id: string = randomUUID()) {
    const answer = await this.http.put(`/api/v1/sessions/${id}`, {
      headers: this.headers(),
      data: { currency: DEMO.currency, lines, ...more },
    });
    return (await good(answer)) as Session;
  }

  async close(session: Session): Promise<Session> {
    const body = { receipt_number: randomUUID().slice(0, 13), paid: session.total };
    return good(await this.post(`/api/v1/sessions/${session.session_id}/close`, body));
  }

  async cancel(session: Session): Promise<Session> {
    return good(await this.post(`/api/v1/sessions/${session.session_id}/cancel`));
  }

  /** Quotes and closes in one go. */
  async sell(lines: Line[], more: { customer_code?: string; card_id?: string } = {}): Promise<Session> {
    return this.close(await this.quote(lines, more));
  }

  post(path: string, data?: object, idempotencyKey: string = randomUUID()): Promise<APIResponse> {
    return this.http.post(path, { headers: { ...this.headers(), 'idempotency-key': idempotencyKey }, data });
  }

  private headers() {
    return { authorization: `Bearer ${this.key}` };
  }
}

async function good(answer: APIResponse): Promise<any> {
  if (!answer.ok()) throw new Error(`${answer.url()} answered ${answer.status()}: ${await answer.text()}`);
  return answer.json();
}
