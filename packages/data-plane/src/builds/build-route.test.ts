import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuildBody, buildBody } from '@karta/protocol';
import type { InternalCall, PlaneClient } from '@karta/service/plane-auth';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { buildRoute } from './build-route.ts';
import type { Builder } from './builder.ts';

test('a build that fails before its archive is read ends with it, however the asker goes', async () => {
  const home = await mkdtemp(join(tmpdir(), 'karta-build-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  // An archive of which the rest never comes.
  let closed: Promise<unknown> | undefined;
  const source = createServer((_, response) => {
    closed = once(response, 'close');
    response.write('beginning');
  });
  source.listen(0, '127.0.0.1');
  await once(source, 'listening');
  onTestFinished(() => void source.close());
  const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/`;
  const gone = new AbortController();
  let refuse = (_: Error) => {};
  let begun = () => {};
  const building = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const builder: Builder = {
    build: () =>
      new Promise((_, reject) => {
        refuse = reject;
        begun();
      }),
  };
  const client = {
    fetch: ({ signal }: { signal: AbortSignal }) => fetch(url, { signal }),
  } as Partial<PlaneClient> as PlaneClient;
  const route = buildRoute({ home, builder, client, log: pino({ level: 'silent' }) });
  const body = buildBody.parse({
    build_id: 'bld_1',
    org_id: 'org_1',
    project_id: 'proj_1',
    source_digest: 'x',
    build_grant: 'x',
    env: { plain: {}, secret: [] },
    fallback_name: 'x',
  } satisfies Partial<BuildBody>);
  const call = { body, signal: gone.signal } as InternalCall<unknown>;
  const answer = (await route.handle(call as InternalCall<never>)) as Response;
  await building;
  // What nobody hears ends the process; here it would fail the run.
  gone.abort();
  refuse(new Error('no sandbox could be made'));
  await closed;
  await answer.body?.cancel();
  expect(gone.signal.aborted).toBe(true);
});
