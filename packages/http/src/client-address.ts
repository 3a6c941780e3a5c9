import { BlockList, isIP, isIPv4 } from 'node:net';

/** Decides whose `X-Forwarded-For` is believed. */
export type TrustedProxies = Pick<BlockList, 'check'>;

/**
 * Reads `KARTA_TRUSTED_PROXIES`: addresses and CIDR ranges separated by commas, none by default.
 * Throws an `Error` that names an entry which is neither.
 */
export function trustedProxies(setting: string | undefined): TrustedProxies {
  return addressList((setting ?? '').split(','), 'KARTA_TRUSTED_PROXIES');
}

/** Addresses and CIDR ranges. Throws an `Error` that names `setting` and an entry which is neither. */
export function addressList(entries: readonly string[], setting: string): BlockList {
  const list = new BlockList();
  for (const entry of entries.map((part) => part.trim())) {
    if (entry === '') continue;
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const longest = family === 'ipv6' ? 128 : 32;
    const prefix = bits === undefined ? longest : Number(bits);
    if (isIP(address) === 0 || !/^\d+$/.test(bits ?? '0') || prefix > longest) {
      throw new Error(`${setting}: "${entry}" is no address or range`);
    }
    list.addSubnet(address, prefix, family);
  }
  return list;
}

/**
 * The address of the client: the socket's, unless that is a trusted proxy; then the nearest
 * address in `X-Forwarded-For`, read from the right, that is none.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | null | undefined,
  trusted: TrustedProxies,
): string | null {
  let address = plainAddress(socketAddress ?? '');
  if (address === null) return null;
  const hops = (forwardedFor ?? '').split(',').map((hop) => hop.trim());
  while (hops.length > 0 && isTrusted(address, trusted)) {
    const next = plainAddress(hops.pop() ?? '');
    if (next === null) break;
    address = next;
  }
  return address;
}

function isTrusted(address: string, trusted: TrustedProxies): boolean {
  return trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** `::ffff:10.0.0.1` is how a dual-stack socket shows `10.0.0.1`. `null` when it is no address. */
function plainAddress(address: string): string | null {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(plain) === 0 ? null : plain;
}
