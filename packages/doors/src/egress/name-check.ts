import { isIP } from 'node:net';
import { Transform } from 'node:stream';
import { GatheredBytes } from '@karta/protocol';
import { HelloReader } from './client-hello.ts';

/** The longest beginning that is read for a name, in bytes: clients send some 2 KB. */
const MAX_HELLO_BYTES = 64 * 1024;

/**
 * Passes on what a client says, unless it begins TLS for another name than `host`: many hosts
 * answer behind one address, and only one of them was allowed. What is not TLS, or names nobody,
 * passes. `refuse` is called in place of passing anything on.
 */
export function nameCheck(host: string, refuse: () => void): Transform {
  const reader = new HelloReader();
  let held = isIP(host) === 0 ? new GatheredBytes() : null;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (held === null) {
        done(null, chunk);
        return;
      }
      held.push(chunk);
      const hello = held.length > MAX_HELLO_BYTES ? 'broken' : reader.push(chunk);
      if (hello === 'more') {
        done();
        return;
      }
      if (hello !== 'nameless' && !asksFor(host, hello)) {
        refuse();
        done();
        return;
      }
      const passed = held.take();
      held = null;
      done(null, passed);
    },
    flush(done) {
      // A client that ends in the middle of its first message has asked nobody for anything.
      done(null, held?.take());
    },
  });
}

function asksFor(host: string, hello: 'broken' | { names: string[] }): boolean {
  return hello !== 'broken' && hello.names.every((name) => isSame(name, host));
}

function isSame(name: string, host: string): boolean {
  return bare(name) === bare(host);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
