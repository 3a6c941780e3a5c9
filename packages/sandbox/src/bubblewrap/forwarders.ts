import type { SandboxSpec } from '../port.ts';

/** Ports inside belong to the sandbox alone; these are below those that the kernel gives out. */
const FIRST_OFFER_PORT = 4100;
const OFFER_ADDRESS = '127.0.0.1';
/** Each host of the network has an address of its own, so that two may share a port number. */
const HOST_NETWORK = '127.0.1.';

/** A loopback listener inside and the host socket behind it. */
export interface Forwarder {
  /** Of the offer; `null` for a host of the network. */
  offer: string | null;
  address: string;
  port: number;
  /** The host's unix socket. */
  socket: string;
  /** File name of that socket in the sandbox's own folder. */
  file: string;
}

/** The listeners of a spec: offers in their order, then hosts in theirs. */
export function forwardersOf(spec: Pick<SandboxSpec, 'offers' | 'hosts'>): Forwarder[] {
  const hosts = spec.hosts ?? [];
  const names = hostNames(spec);
  return [
    ...spec.offers.map(({ name, socket }, at) => ({
      ...{ offer: name, address: OFFER_ADDRESS, port: FIRST_OFFER_PORT + at, socket },
      file: `offer-${at}.sock`,
    })),
    ...hosts.map(({ name, port, socket }, at) => ({
      ...{ offer: null, address: addressOf(names.indexOf(name)), port, socket },
      file: `host-${at}.sock`,
    })),
  ];
}

/** The lines of `/etc/hosts` for the hosts of a spec. */
export function hostLines(spec: Pick<SandboxSpec, 'hosts'>): string {
  return hostNames(spec)
    .map((name, at) => `${addressOf(at)} ${name}\n`)
    .join('');
}

/** As the launch script takes it: address, port, socket, and how `/proc/net/tcp` writes the place. */
export function forwarderArgument({ address, port, file }: Forwarder): string {
  const bytes = address.split('.').reverse().map(Number);
  const hex = Buffer.from(bytes).toString('hex').toUpperCase();
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  return [address, port, file, hex, portHex].join('/');
}

function hostNames({ hosts = [] }: Pick<SandboxSpec, 'hosts'>): string[] {
  return [...new Set(hosts.map(({ name }) => name))];
}

function addressOf(index: number): string {
  return `${HOST_NETWORK}${index + 1}`;
}
