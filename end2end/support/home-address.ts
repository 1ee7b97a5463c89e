// An address of one's own. Everything in a test runs on one machine, but the shop counts the tries of each network address:
// a customer's home here is a small relay that reaches the shop from another loopback address.
import { randomInt } from 'node:crypto';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { shopAddress } from './shop';

export interface HomeAddress {
  readonly url: string;
  /** Takes the network away (and open connections with it), or gives it back. */
  online(on: boolean): void;
  close(): Promise<void>;
}

export async function homeAddress(): Promise<HomeAddress> {
  const shop = shopAddress();
  // Each test another network: limits per neighbourhood are the shop's to keep, not the tests' to meet.
  const localAddress = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const sockets = new Set<Socket>();
  let connected = true;
  const relay = createServer((near) => {
    if (!connected) {
      near.destroy();
      return;
    }
    const far = connect({ host: shop.hostname, port: Number(shop.port), localAddress });
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((listening) => relay.listen(0, '127.0.0.1', listening));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    online(on) {
      connected = on;
      if (!on) cut();
    },
    close() {
      cut();
      return new Promise((closed) => relay.close(() => closed()));
    },
  };
}
