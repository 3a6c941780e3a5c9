import { describe, expect, it } from 'vitest';
import { doorsConfig } from './config.ts';

const good = {
  runtime_dir: '/run/karta',
  journal_dir: '/var/lib/karta/doors/usage',
  management_socket: '/run/karta/private/doors.sock',
  management_token: 'a-secret-token-of-many-letters',
  upstreams: [{ id: 'demo' }],
  metrics_port: null,
};
const openai = { id: 'openai', base_url: 'https://x.example/v1', api_key: 'sk-topsecret' };

describe('the configuration of the doors', () => {
  it('names upstreams, each with its key', () => {
    const config = { ...good, upstreams: [openai, { id: 'demo' }] };
    expect(doorsConfig.parse(config)).toMatchObject(config);
  });

  it.each([
    [{}, /runtime_dir/],
    [{ ...good, runtime_dir: 'relative' }, /runtime_dir/],
    [{ ...good, journal_dir: 'relative' }, /journal_dir/],
    [{ ...good, management_token: 'secret' }, /management_token/],
    [{ ...good, run_as_uid: 0 }, /run_as_uid/],
    [{ ...good, upstreams: [] }, /upstreams/],
    [{ ...good, upstreams: [{ id: 'demo' }, { id: 'demo' }] }, /each id once/],
    [{ ...good, upstreams: [{ ...openai, base_url: 'file:///x' }] }, /base_url/],
    [{ ...good, upstreams: [{ ...openai, base_url: 'http://a:secret@c' }] }, /credentials/],
    [{ ...good, upstreams: [{ ...openai, base_url: 'http://c/?key=secret' }] }, /query/],
    [{ ...good, upstreams: [{ ...openai, api_key: 'sk-top\nsecret' }] }, /api_key/],
  ])('is refused with the reason and without its secrets: %j', (config, reason) => {
    const refused = doorsConfig.safeParse(config);
    const said = JSON.stringify(refused.error?.issues);
    expect(said).toMatch(reason);
    expect(said).not.toContain('secret');
  });
});
