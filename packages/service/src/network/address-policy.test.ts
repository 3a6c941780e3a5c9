import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';

const policy = addressPolicy();

describe('the addresses that may be connected to', () => {
  it.each(['1.1.1.1', '93.184.216.34', '172.15.255.255', '172.32.0.1', '100.128.0.1'])(
    'are public ones of IPv4: %s',
    (address) => expect(policy.allows(address)).toBe(true),
  );

  it.each(['2606:4700:4700::1111', '2a00:1450::1', '2001:4860:4860::8888'])(
    'are public ones of IPv6: %s',
    (address) => expect(policy.allows(address)).toBe(true),
  );

  it.each([
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.100.100.200', '127.0.0.1'],
    ...['127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.192'],
    ...['192.168.1.1', '198.18.0.1', '224.0.0.1', '239.255.255.255', '240.0.0.1'],
    ...['255.255.255.255', '168.63.129.16', '192.88.99.1', '203.0.113.7'],
  ])('are not special ones of IPv4: %s', (address) => expect(policy.allows(address)).toBe(false));

  it.each([
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:1.1.1.1', '::127.0.0.1', '64:ff9b::7f00:1'],
    ...[
      '64:ff9b:1::a00:1',
      '100::1',
      'fc00::1',
      'fd00:ec2::254',
      'fe80::1',
      'fe80::1%lo',
      'fec0::1',
    ],
    ...[
      'ff02::1',
      '2001:db8::1',
      '2001::1',
      '2002:7f00:1::1',
      '2002:a9fe:a9fe::',
      '3fff::1',
      '5f00::1',
    ],
  ])('are not special ones of IPv6: %s', (address) => expect(policy.allows(address)).toBe(false));

  it.each(['', 'localhost', '2130706433', '0x7f000001', '0177.0.0.1', '127.1', '1.1.1.1 ', '::g'])(
    'are addresses, nothing else: %j',
    (text) => expect(policy.allows(text)).toBe(false),
  );

  it('are not those of this machine', () => {
    for (const { address } of Object.values(networkInterfaces()).flatMap(
      (entries) => entries ?? [],
    )) {
      expect(policy.allows(address), address).toBe(false);
    }
  });

  it('never are inside a special range, wherever in it', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const inside = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), byte, byte, byte),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
      fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
      fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
      fc.tuple(fc.integer({ min: 224, max: 255 }), byte, byte, byte),
    );
    fc.assert(
      fc.property(inside, (bytes) => {
        const address = bytes.join('.');
        const hex = Buffer.from(bytes)
          .toString('hex')
          .replace(/^(....)/, '$1:');
        for (const form of [address, `::ffff:${address}`, `64:ff9b::${hex}`, `2002:${hex}::1`]) {
          expect(policy.allows(form), form).toBe(false);
        }
      }),
    );
  });
});

describe('an operator', () => {
  it('may open ranges of its own network, and no more than them', () => {
    const open = addressPolicy(['10.1.0.0/16', '127.0.0.1', 'fd00:1::/32']);
    for (const address of ['10.1.2.3', '127.0.0.1', 'fd00:1::5', '1.1.1.1']) {
      expect(open.allows(address), address).toBe(true);
    }
    for (const address of ['10.2.0.1', '127.0.0.2', 'fd00:2::1', '::ffff:10.1.2.3']) {
      expect(open.allows(address), address).toBe(false);
    }
  });

  it.each(['', 'example.com', '10.0.0.0/33', '10.0.0.0/x', '/8', 'fd00::/129'])(
    'is told of an entry that is no range: %j',
    (entry) => expect(() => addressPolicy([entry])).toThrow('is no address'),
  );
});
