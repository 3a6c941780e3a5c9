import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Says which addresses something that a customer named may be connected to. */
export interface AddressPolicy {
  /** Whether `address`, an IP address as text, may be connected to. False for anything else. */
  allows(address: string): boolean;
}

/**
 * Addresses of IPv4 that are not the public network (IANA's registry of special purposes), or that
 * a provider of machines answers on: private, shared by carriers, loopback, link-local with the
 * metadata services, documentation, benchmarks, relays, multicast, reserved.
 */
const SPECIAL_IPV4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Azure's own services answer there inside every one of its machines.
  '168.63.129.16/32',
];

/** All public addresses of IPv6. Mapped, translated (NAT64), local and multicast ones lie outside. */
const PUBLIC_IPV6 = '2000::/3';

/** Parts of it that are tunnels to IPv4, documentation or protocols of their own. */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

/**
 * Allows public addresses that are not this machine's own, and those in `allowPrivate`: addresses
 * and CIDR ranges by which an operator opens its own network. Throws an `Error` that names an entry
 * that is neither.
 */
export function addressPolicy(allowPrivate: readonly string[] = []): AddressPolicy {
  const opened = { 4: new BlockList(), 6: new BlockList() };
  for (const entry of allowPrivate) add(opened[familyOf(entry)], entry);
  return {
    allows(address) {
      const family = isIP(address);
      // A zone names an interface of this machine.
      if ((family !== 4 && family !== 6) || address.includes('%')) return false;
      if (contains(opened[family], address, family)) return true;
      if (family === 4 && contains(specialIpv4, address, 4)) return false;
      if (family === 6 && !contains(publicIpv6, address, 6)) return false;
      if (family === 6 && contains(specialIpv6, address, 6)) return false;
      return !isOwn(address);
    },
  };
}

/** One list a family: with both in one, Node compares an IPv4 address with rules for mapped ones. */
function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) add(list, entry);
  return list;
}

const specialIpv4 = listOf(SPECIAL_IPV4);
const publicIpv6 = listOf([PUBLIC_IPV6]);
const specialIpv6 = listOf(SPECIAL_IPV6);

function add(list: BlockList, entry: string): void {
  const [address = '', bits] = entry.split('/');
  const family = familyOf(entry);
  const longest = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? longest : Number(bits);
  if (!/^\d{1,3}$/.test(bits ?? '0') || prefix > longest) throw notARange(entry);
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
}

function familyOf(entry: string): 4 | 6 {
  const family = isIP(entry.split('/')[0] ?? '');
  if (family === 4 || family === 6) return family;
  throw notARange(entry);
}

function notARange(entry: string): Error {
  return new Error(`"${entry}" is no address and no range such as 10.0.0.0/8`);
}

function contains(list: BlockList, address: string, family: 4 | 6): boolean {
  return list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** What listens on all interfaces of this machine may be guarded by a firewall in front of it. */
function isOwn(address: string): boolean {
  const own = new BlockList();
  for (const entries of Object.values(networkInterfaces())) {
    for (const { address: mine, family } of entries ?? []) {
      own.addAddress(mine, family === 'IPv6' ? 'ipv6' : 'ipv4');
    }
  }
  return contains(own, address, isIP(address) === 6 ? 6 : 4);
}
