import { isIPv6 } from 'node:net';

const GROUPS_OF_A_NETWORK = 4;

/**
 * What attempts from an address are counted under. An IPv6 client has a network of 64 bits to
 * choose addresses from, so the network is counted.
 */
export function addressSubject(address: string | null): string {
  if (address === null) return 'address:unknown';
  if (!isIPv6(address)) return `address:${address}`;
  const [head = '', tail] = (address.split('%')[0] ?? '').toLowerCase().split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array<string>(tail === undefined ? 0 : missing).fill('0'), ...back];
  const network = groups.slice(0, GROUPS_OF_A_NETWORK).map((group) => Number.parseInt(group, 16));
  return `address:${network.map((group) => group.toString(16)).join(':')}::/64`;
}
