import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Harness } from '@karta/harness';
import { type KeyProvider, newId } from '@karta/protocol';
import {
  chooseDriver,
  type Sandbox,
  type SandboxDriver,
  type SandboxSpec,
  type WantedDriver,
} from '@karta/sandbox';
import { bundledDigests } from '../releases/bundled.ts';
import type { Upstreams } from '../releases/model-check.ts';
import { withOwnProviders } from '../releases/own-providers.ts';
import { appError } from '../releases/problem.ts';
import type { EgressRequest, OpenEgress } from '../runner/doors/open-egress.ts';
import { type BuildOutcome, buildInSandbox } from './build-in-sandbox.ts';
import type { BuilderRequest, Examined } from './build-wire.ts';
import { BUILDER_TOOLS } from './builder-program.ts';

/** What a builder sandbox is given. */
const BUILDER_LIMITS = {
  memoryBytes: 2 * 1024 ** 3,
  pids: 512,
  cpus: 2,
  /** The archive's content twice (as it came, and as it will run) and what setup needs beside. */
  diskBytes: 3 * 1024 ** 3,
} as const;

export interface BuilderParts {
  /** The platform's home: releases lie below it, and the builder's own volumes. */
  home: string;
  /** Short folder for sockets. */
  runtimeDir: string;
  sandbox: WantedDriver;
  /** Whether applications other than the bundled examples may be built where nothing isolates. */
  allowUnsandboxed: boolean;
  harnesses: readonly Harness[];
  upstreams(): Promise<Upstreams>;
  /** Opens ways to hosts that a setup may reach. */
  openEgress(request: EgressRequest): Promise<OpenEgress>;
}

export interface BuildSource {
  /** Whose build it is, for the log of what it reaches. */
  owner: { orgId: string; projectId: string };
  archive: Readable;
  env: BuilderRequest['env'];
  fallbackName: string;
  /** Providers of which the org has a key of its own. */
  ownProviders?: readonly KeyProvider[];
  log(text: string): void;
  signal: AbortSignal;
}

/** Builds applications, each in a sandbox of its own that is gone afterwards. */
export interface Builder {
  /**
   * Builds an archive; the tree lies at `target` when that is well. Throws when the machine is at
   * fault; what is wrong with the application is a value.
   */
  build(source: BuildSource, target: string): Promise<BuildOutcome>;
}

/** A builder of this platform home. The driver is chosen, and leftovers removed, at first use. */
export function createBuilder(parts: BuilderParts): Builder {
  const ground = join(parts.home, 'builder');
  const empty = join(ground, 'empty');
  let started: Promise<SandboxDriver> | null = null;
  const driver = () => {
    started ??= start();
    started.catch(() => {
      started = null;
    });
    return started;
  };

  async function start(): Promise<SandboxDriver> {
    await mkdir(empty, { recursive: true, mode: 0o755 });
    const options = { home: ground, runtimeDir: join(parts.runtimeDir, 'b') };
    const { driver } = await chooseDriver(parts.sandbox, options);
    await driver.reap();
    for (const volume of await driver.volumes()) await driver.destroyVolume(volume);
    return driver;
  }

  return {
    async build(source, target) {
      const chosen = await driver();
      const isolated = chosen.isolation !== 'none';
      const { upstreams, ownWires } = withOwnProviders(
        await parts.upstreams(),
        source.ownProviders ?? [],
      );
      const request = {
        installations: await installationsOf(parts.harnesses),
        upstreams,
        env: source.env,
        fallback_name: source.fallbackName,
        setup_refused: isolated || parts.allowUnsandboxed ? null : NO_SANDBOX,
      };
      const volumeId = `vol_build_${randomBytes(8).toString('hex')}`;
      const place = { org: source.owner.orgId, volumeId };
      const { archive, log, signal } = source;
      const order = { target, log, signal };
      try {
        const step = await inSandbox(chosen, place, null, (sandbox) =>
          buildInSandbox(sandbox, { ...order, archive, request: { ...request, step: 'examine' } }),
        );
        const built = step.ok === 'examined' ? await setUp(step.facts) : step;
        const outcome = built.ok ? { ...built, facts: recorded(built.facts, ownWires) } : built;
        if (!outcome.ok || isolated || parts.allowUnsandboxed) return outcome;
        const known = await bundledDigests();
        if (known.has(outcome.image.manifest.digest)) return outcome;
        return { ok: false, problems: [appError('', 0, NO_SANDBOX)] };
      } finally {
        await chosen.destroyVolume(volumeId);
      }

      /** Goes on in a second sandbox over the same files: what it may reach is known only now. */
      async function setUp(examined: Examined): Promise<BuildOutcome> {
        const allow = examined.build_allow;
        log(`setup may reach ${allow.map(({ host, port }) => `${host}:${port}`).join(', ')}`);
        const reach = { ...source.owner, allow };
        const step = await inSandbox(chosen, place, reach, (sandbox) =>
          buildInSandbox(sandbox, {
            ...{ ...order, examined, archive: Readable.from([]) },
            request: { ...request, step: 'setup' },
          }),
        );
        if (step.ok === 'examined') throw new Error('the builder took no step');
        return step;
      }
    },
  };

  /** Runs one step in a sandbox of its own, over the files of this build. */
  async function inSandbox<T>(
    driver: SandboxDriver,
    place: Pick<SandboxSpec, 'org' | 'volumeId'>,
    reach: Omit<EgressRequest, 'id'> | null,
    step: (sandbox: Sandbox) => Promise<T>,
  ): Promise<T> {
    const id = newId('sandbox');
    const egress = reach === null ? null : await parts.openEgress({ id, ...reach });
    try {
      const sandbox = await driver.create({
        ...{ id, ...place, release: empty, protectedPaths: [], tools: BUILDER_TOOLS, files: [] },
        ...{ offers: [], hosts: egress?.hosts ?? [], listens: [], limits: BUILDER_LIMITS },
      });
      try {
        return await step(sandbox);
      } finally {
        await sandbox.dispose();
      }
    } finally {
      await egress?.close();
    }
  }
}

/** What is known of a release beside what the application says of itself. */
function recorded(facts: Examined, ownWires: readonly KeyProvider[]): Examined {
  const { own_wires: _, ...config } = facts.config;
  const own = ownWires.length === 0 ? {} : { own_wires: [...ownWires] };
  return { ...facts, config: { ...config, ...own } };
}

const NO_SANDBOX =
  'nothing on this server isolates agents, so only the bundled examples are built; install bubblewrap there';

async function installationsOf(
  harnesses: readonly Harness[],
): Promise<BuilderRequest['installations']> {
  const known: BuilderRequest['installations'] = {};
  for (const harness of harnesses) {
    const found = await harness.installed();
    known[harness.id] = found.installed
      ? { installed: true, version: found.version }
      : { installed: false, message: found.message };
  }
  return known;
}
