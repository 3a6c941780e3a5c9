import { describe, expect, test } from 'vitest';
import { isolatesEnough, serveSettings } from './settings.ts';

describe('the settings of a server', () => {
  test('come from the command line, then the environment, then the defaults', () => {
    const env = { KARTA_PORT: '9000', KARTA_HOME: '/tmp/a', KARTA_HOST: '127.0.0.2' };
    expect(serveSettings({}, { HOME: '/root' })).toMatchObject({ port: 8000, host: '127.0.0.1' });
    expect(serveSettings({}, env)).toMatchObject({ port: 9000, home: '/tmp/a', host: '127.0.0.2' });
    const options = { port: '0', home: '/tmp/b', host: 'localhost', sandbox: 'none' };
    expect(serveSettings(options, env)).toMatchObject({
      port: 0,
      home: '/tmp/b',
      host: 'localhost',
      sandbox: 'none',
    });
  });

  test.each(['-1', '65536', '80a', '8000.5', ' 80'])('the port "%s" is refused', (port) => {
    expect(() => serveSettings({ port }, {})).toThrow(/is no port/);
  });

  test('one sandbox per application is kept warm unless told otherwise', () => {
    expect(serveSettings({}, {}).warm).toBe(1);
    expect(serveSettings({ warm: '0' }, {}).warm).toBe(0);
    expect(() => serveSettings({ warm: '65' }, {})).toThrow('--warm cannot be "65"');
  });

  test('the internal port is any unless the environment names one', () => {
    expect(serveSettings({}, {}).internalPort).toBe(0);
    expect(serveSettings({}, { KARTA_INTERNAL_PORT: '9100' }).internalPort).toBe(9100);
    expect(() => serveSettings({}, { KARTA_INTERNAL_PORT: 'x' })).toThrow(/is no port/);
  });

  test('the control plane has the next port unless told otherwise', () => {
    expect(serveSettings({}, {}).controlPort).toBe(8001);
    expect(serveSettings({ port: '9000' }, {}).controlPort).toBe(9001);
    expect(serveSettings({ port: '0' }, {}).controlPort).toBe(0);
    expect(serveSettings({ port: '65535' }, {}).controlPort).toBe(0);
    expect(serveSettings({}, { KARTA_CONTROL_PORT: '9005' }).controlPort).toBe(9005);
    const options = { controlPort: '9006' };
    expect(serveSettings(options, { KARTA_CONTROL_PORT: '9005' }).controlPort).toBe(9006);
  });

  test('the admin plane has the port after the control plane’s', () => {
    expect(serveSettings({}, {}).operatorPort).toBe(8002);
    expect(serveSettings({ port: '0' }, {}).operatorPort).toBe(0);
    expect(serveSettings({ operatorPort: '9100' }, {}).operatorPort).toBe(9100);
    expect(serveSettings({}, { KARTA_OPERATOR_PORT: '9101' }).operatorPort).toBe(9101);
  });

  test('everybody may sign up on loopback, nobody uninvited where others reach it', () => {
    expect(serveSettings({}, {}).signup).toBe('open');
    expect(serveSettings({ host: '0.0.0.0' }, {}).signup).toBe('closed');
    expect(serveSettings({ host: '0.0.0.0' }, { KARTA_SIGNUP: 'invite' }).signup).toBe('invite');
    expect(() => serveSettings({}, { KARTA_SIGNUP: 'yes' })).toThrow('KARTA_SIGNUP cannot be');
  });

  test('an unknown driver is refused with the known ones', () => {
    expect(() => serveSettings({ sandbox: 'docker' }, {})).toThrow(/cannot be "docker"/);
  });

  test('a server that others reach needs a VM unless told otherwise', () => {
    expect(serveSettings({ host: '0.0.0.0' }, {}).minIsolation).toBe('vm');
    expect(serveSettings({}, { KARTA_MODE: 'hosted' }).minIsolation).toBe('vm');
    expect(serveSettings({}, {}).minIsolation).toBe('none');
    expect(serveSettings({ host: '::', minIsolation: 'namespace' }, {}).minIsolation).toBe(
      'namespace',
    );
  });
});

test('a stronger rung satisfies a weaker demand, never the other way', () => {
  expect(isolatesEnough('vm', 'namespace')).toBe(true);
  expect(isolatesEnough('namespace', 'namespace')).toBe(true);
  expect(isolatesEnough('none', 'namespace')).toBe(false);
  expect(isolatesEnough('namespace', 'vm')).toBe(false);
  expect(isolatesEnough('none', 'none')).toBe(true);
});
