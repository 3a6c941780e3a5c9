import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, readConfiguration } from './configuration.ts';

const good = {
  runtime_dir: '/run/karta',
  management_socket: '/run/karta/private/doors.sock',
  management_token: 'a-secret-token-of-many-letters',
  upstreams: [{ id: 'demo' }],
  metrics_port: null,
};
const openai = { id: 'openai', base_url: 'https://x.example/v1', api_key: 'sk-topsecret' };

describe('the configuration line', () => {
  it('is read, and the end of the input is told once it comes', async () => {
    const input = new PassThrough();
    let closed = 0;
    const reading = readConfiguration(input, () => {
      closed += 1;
    });
    input.write(JSON.stringify({ ...good, upstreams: [openai, { id: 'demo' }] }).slice(0, 40));
    input.write(`${JSON.stringify({ ...good, upstreams: [openai, { id: 'demo' }] }).slice(40)}\n`);
    expect(await reading).toMatchObject({ ...good, upstreams: [openai, { id: 'demo' }] });
    expect(closed).toBe(0);
    input.end();
    await expect.poll(() => closed).toBe(1);
  });

  it.each([
    ['', /no configuration/],
    ['not json', /not JSON/],
    [{}, /runtime_dir/],
    [{ ...good, extra: 1 }, /extra/],
    [{ ...good, runtime_dir: 'relative' }, /runtime_dir/],
    [{ ...good, management_token: 'secret' }, /management_token/],
    [{ ...good, run_as_uid: 0 }, /run_as_uid/],
    [{ ...good, upstreams: [] }, /upstreams/],
    [{ ...good, upstreams: [{ id: 'demo' }, { id: 'demo' }] }, /each id once/],
    [{ ...good, upstreams: [{ ...openai, base_url: 'file:///x' }] }, /base_url/],
    [{ ...good, upstreams: [{ ...openai, base_url: 'http://a:secret@c' }] }, /credentials/],
    [{ ...good, upstreams: [{ ...openai, base_url: 'http://c/?key=secret' }] }, /query/],
    [{ ...good, upstreams: [{ ...openai, api_key: 'sk-top\nsecret' }] }, /api_key/],
  ])('is refused with the reason and without its secrets: %j', async (config, reason) => {
    const input = new PassThrough();
    input.end(typeof config === 'string' ? config : JSON.stringify(config));
    const failed = await readConfiguration(input, () => {}).catch((error) => error);
    expect(failed).toBeInstanceOf(ConfigurationError);
    expect(failed.message).toMatch(reason);
    expect(failed.message).not.toContain('secret');
  });
});
