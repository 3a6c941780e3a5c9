import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLocalControl } from './local.ts';
import { ensureLocalOrg } from './local-org.ts';
import { localStatePath } from './local-state.ts';
import { activateRelease, recordRelease, setAllowedOrigins, setDefaultProject } from './publish.ts';

const CONFIG = {
  memoryMb: null,
  cpus: null,
  diskMb: null,
  maxTurnMs: null,
  env: {},
  modelDefault: null,
  networkAllow: [],
  providerTools: false,
};
const content = (ref: string, fill: string) => ({
  ref,
  digest: fill.repeat(64),
  harness: { id: 'opencode', version: '1.18.34' },
  config: CONFIG,
});

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-control-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('the first start', () => {
  it('makes an org and a key that only its owner can read', async () => {
    const { apiKey, orgId } = await ensureLocalOrg(home, { dataUrl: 'http://localhost:8000' });
    expect(apiKey).toMatch(/^kt_live_[0-9A-Za-z]{32}$/);
    const path = join(home, 'credentials.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      api_key: apiKey,
      data_url: 'http://localhost:8000',
      control_url: null,
    });
    for (const file of [path, localStatePath(home), join(home, 'secrets', 'pepper')]) {
      expect((await stat(file)).mode & 0o777, file).toBe(0o600);
    }
    expect((await stat(join(home, 'secrets'))).mode & 0o777).toBe(0o700);
    expect(await readFile(localStatePath(home), 'utf8')).not.toContain(apiKey.slice(16));
    const control = await openLocalControl(home);
    expect(await control.authenticate(apiKey)).toMatchObject({
      kind: 'api_key',
      orgId,
      projectId: null,
      sub: null,
      mode: 'live',
      token: null,
      scopes: ['read', 'write', 'admin'],
    });
  });

  it('keeps the key and updates the addresses at the next', async () => {
    const first = await ensureLocalOrg(home, { dataUrl: 'http://localhost:8000' });
    const second = await ensureLocalOrg(home, { dataUrl: 'http://localhost:9000' });
    expect(second.apiKey).toBe(first.apiKey);
    expect(second.orgId).toBe(first.orgId);
    expect(second.credentials.data_url).toBe('http://localhost:9000');
  });

  it('ends with one key when two start at once', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => ensureLocalOrg(home)));
    expect(new Set(all.map((one) => one.apiKey)).size).toBe(1);
    expect(new Set(all.map((one) => one.orgId)).size).toBe(1);
  });

  it('replaces a lost key, and the lost one stops working', async () => {
    const first = await ensureLocalOrg(home);
    await rm(join(home, 'credentials.json'));
    const second = await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    expect(await control.authenticate(first.apiKey)).toBeNull();
    expect(await control.authenticate(second.apiKey)).not.toBeNull();
  });

  it('takes the known key into a fresh org', async () => {
    const first = await ensureLocalOrg(home);
    await rm(localStatePath(home));
    await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    expect(await control.authenticate(first.apiKey)).not.toBeNull();
  });
});

describe('authenticate', () => {
  it('knows no other key, however alike', async () => {
    const { apiKey } = await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    const last = apiKey.endsWith('a') ? 'b' : 'a';
    for (const wrong of [
      '',
      'kt_live_',
      apiKey.slice(0, -1) + last,
      `${apiKey}x`,
      '\0',
      'é'.repeat(40),
    ]) {
      expect(await control.authenticate(wrong), JSON.stringify(wrong)).toBeNull();
    }
  });
});

describe('releases', () => {
  it('number per project, are reused for the same content, and move only by activation', async () => {
    const { orgId } = await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    expect(await control.defaultProject(orgId)).toBeNull();
    const v1 = await recordRelease(home, content('shop', 'a'));
    expect(v1).toMatchObject({ version: 'v1', created: true });
    await activateRelease(home, v1.releaseId);
    const again = await recordRelease(home, content('shop', 'a'));
    expect(again).toEqual({ ...v1, created: false });
    const v2 = await recordRelease(home, content('shop', 'b'));
    expect(v2.version).toBe('v2');
    await vi.waitFor(async () => {
      expect((await control.project(orgId, 'shop'))?.activeReleaseId).toBe(v1.releaseId);
      expect((await control.release(orgId, v2.releaseId))?.digest).toBe('b'.repeat(64));
    });
    await activateRelease(home, v2.releaseId);
    await vi.waitFor(async () => {
      expect((await control.activeReleases()).map((one) => one.id)).toEqual([v2.releaseId]);
    });
  });

  it('are found at once by whoever has just published', async () => {
    const { orgId } = await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    for (const digest of ['a', 'b', 'c']) {
      const { releaseId } = await recordRelease(home, content('shop', digest));
      await activateRelease(home, releaseId);
      expect((await control.project(orgId, 'shop'))?.activeReleaseId).toBe(releaseId);
      expect(await control.release(orgId, releaseId)).not.toBeNull();
    }
  });

  it('another harness version or configuration is another release', async () => {
    await ensureLocalOrg(home);
    await recordRelease(home, content('shop', 'a'));
    const harness = { id: 'opencode', version: '1.19.0' };
    expect((await recordRelease(home, { ...content('shop', 'a'), harness })).version).toBe('v2');
    const config = { ...CONFIG, env: { A: '1', B: '2' } };
    expect((await recordRelease(home, { ...content('shop', 'a'), config })).version).toBe('v3');
    const turned = { ...CONFIG, env: { B: '2', A: '1' } };
    const same = await recordRelease(home, { ...content('shop', 'a'), config: turned });
    expect(same).toMatchObject({ version: 'v3', created: false });
  });

  it('the first activated project is the default until another is chosen', async () => {
    const { orgId } = await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    const one = await recordRelease(home, content('one', 'a'));
    const two = await recordRelease(home, content('two', 'a'));
    await activateRelease(home, two.releaseId);
    await activateRelease(home, one.releaseId);
    await vi.waitFor(async () => expect((await control.defaultProject(orgId))?.ref).toBe('two'));
    await setDefaultProject(home, 'one');
    await vi.waitFor(async () => expect((await control.defaultProject(orgId))?.ref).toBe('one'));
    await expect(setDefaultProject(home, 'three')).rejects.toThrow(/no project "three"/);
    await expect(activateRelease(home, 'rel_x')).rejects.toThrow(/rel_x/);
  });

  it('are not lost when many publish at once', async () => {
    const { orgId } = await ensureLocalOrg(home);
    const digests = ['1', '2', '3', '4', '5', '6', '7', '8'];
    const all = await Promise.all(
      digests.map((fill) => recordRelease(home, content('shop', fill))),
    );
    expect(new Set(all.map((one) => one.version)).size).toBe(digests.length);
    const control = await openLocalControl(home);
    for (const { releaseId } of all) {
      expect(await control.release(orgId, releaseId)).not.toBeNull();
    }
  });

  it('belong to their org alone', async () => {
    await ensureLocalOrg(home);
    const v1 = await recordRelease(home, content('shop', 'a'));
    await activateRelease(home, v1.releaseId);
    const control = await openLocalControl(home);
    expect(await control.project('org_other', 'shop')).toBeNull();
    expect(await control.projectById('org_other', v1.projectId)).toBeNull();
    expect(await control.defaultProject('org_other')).toBeNull();
    expect(await control.release('org_other', v1.releaseId)).toBeNull();
  });

  it('refuse a ref that cannot stand in a URL', async () => {
    await ensureLocalOrg(home);
    for (const ref of ['', 'Shop', 'a/b', '-a', 'a-', '..', 'é', 'a'.repeat(64)]) {
      await expect(recordRelease(home, content(ref, 'a')), ref).rejects.toThrow();
    }
  });
});

describe('allowed origins', () => {
  it('are exact origins of one project', async () => {
    const { orgId } = await ensureLocalOrg(home);
    const { releaseId } = await recordRelease(home, content('shop', 'a'));
    await activateRelease(home, releaseId);
    await setAllowedOrigins(home, 'shop', ['https://shop.example']);
    const control = await openLocalControl(home);
    expect(await control.originsOf('shop')).toEqual(['https://shop.example']);
    expect(await control.originsOf('other')).toEqual([]);
    expect((await control.project(orgId, 'shop'))?.allowedOrigins).toEqual([
      'https://shop.example',
    ]);
    await expect(setAllowedOrigins(home, 'shop', ['https://shop.example/'])).rejects.toThrow();
    await expect(setAllowedOrigins(home, 'shop', ['*'])).rejects.toThrow();
  });
});

describe('a broken file', () => {
  it('is an error that names it, and nothing is overwritten', async () => {
    await ensureLocalOrg(home);
    for (const path of [localStatePath(home), join(home, 'credentials.json')]) {
      const good = await readFile(path, 'utf8');
      for (const bad of ['', '{', '[]', '{"format":2}', 'null']) {
        await writeFile(path, bad);
        await expect(ensureLocalOrg(home), bad).rejects.toThrow(path);
        expect(await readFile(path, 'utf8')).toBe(bad);
      }
      await writeFile(path, good);
    }
    await writeFile(join(home, 'secrets', 'pepper'), 'short');
    await expect(openLocalControl(home)).rejects.toThrow(/pepper/);
  });

  it('fails the calls of a running server until it is repaired', async () => {
    const { apiKey } = await ensureLocalOrg(home);
    const control = await openLocalControl(home);
    const good = await readFile(localStatePath(home), 'utf8');
    await writeFile(localStatePath(home), '{');
    await vi.waitFor(() => expect(control.authenticate(apiKey)).rejects.toThrow(/not JSON/));
    await writeFile(localStatePath(home), good);
    await vi.waitFor(async () => expect(await control.authenticate(apiKey)).not.toBeNull());
  });

  it('never lets its content into the error', async () => {
    await ensureLocalOrg(home);
    for (const text of ['{"api_key":"kt_live_secret"}', '{"api_key":"kt_live_secret"x}']) {
      await writeFile(join(home, 'credentials.json'), text);
      const error = await ensureLocalOrg(home).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect(String(error)).not.toContain('kt_live_secret');
    }
  });
});
