import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

/** One question to one server, in milliseconds; a server is asked as often as {@link TRIES}. */
const QUESTION_MS = 2_000;
const TRIES = 2;
/** Addresses of one name that are looked at; more is no honest answer. */
const MAX_ADDRESSES = 32;

/** Finds the addresses of names. */
export interface NameResolver {
  /** IPv4 first. Empty when the name has none. Rejects when no server answers. */
  addresses(host: string): Promise<string[]>;
}

export interface NameResolverOptions {
  /** `address` or `address:port`; default: those of this machine. */
  servers?: readonly string[];
  /** Names that are known without asking, with their addresses. */
  hosts?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Asks DNS by itself. The system's resolver works in a handful of threads that the whole process
 * shares: a name whose server never answers would hold them up for everybody.
 */
export function createNameResolver(options: NameResolverOptions = {}): NameResolver {
  const { servers = [], hosts = {} } = options;
  const resolver = new Resolver({ timeout: QUESTION_MS, tries: TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  return {
    async addresses(host) {
      if (isIP(host) !== 0) return [host];
      if (Object.hasOwn(hosts, host)) return [...(hosts[host] ?? [])];
      const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      const found = answers.flatMap((answer) =>
        answer.status === 'fulfilled' ? answer.value : [],
      );
      if (found.length > 0) return found.slice(0, MAX_ADDRESSES);
      for (const answer of answers) {
        if (answer.status === 'rejected' && !isAbsence(answer.reason)) throw answer.reason;
      }
      return [];
    },
  };
}

/** The name does not exist, or has no address of this family. */
function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME';
}
