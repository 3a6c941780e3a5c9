import { describe, expect, it } from 'vitest';
import { appFolderOf } from '../app/index.ts';
import { createClaudeCode } from './index.ts';
import { environmentOf, platformSettings } from './platform-settings.ts';

const parts = {
  home: '/home/agent',
  config: '/home/agent/.claude',
  baseUrl: 'http://127.0.0.1:4010/anthropic',
  credential: 'channel',
  switches: platformSettings(1000).env,
};

describe('the environment', () => {
  it('lets an application have its variables, and win over nothing of ours', () => {
    const extra = { SHOP: 'roaster', PATH: '/app/bin', ANTHROPIC_BASE_URL: 'x', HOME: '/x' };
    const env = environmentOf({ ...parts, extra });
    expect(env).toMatchObject({ SHOP: 'roaster', PATH: '/app/bin', HOME: '/home/agent' });
    expect(env.ANTHROPIC_BASE_URL).toBe(parts.baseUrl);
    expect(env.ANTHROPIC_API_KEY).toBe('channel');
  });

  it('has nothing of the process that starts it', () => {
    const env = environmentOf({ ...parts, extra: {} });
    for (const name of ['USER', 'KARTA_HOME', 'npm_config_cache'])
      expect(env).not.toHaveProperty(name);
  });

  it('sets no variable to nothing, which some programs take for set', () => {
    expect(Object.values(environmentOf({ ...parts, extra: {} }))).not.toContain('');
  });
});

it('keeps conversations for as long as a session can live', () => {
  expect(platformSettings(1).cleanupPeriodDays).toBeGreaterThan(365);
});

const { installed } = await createClaudeCode().installed();

describe.skipIf(!installed)('what a sandbox must hold', () => {
  const app = appFolderOf({ 'CLAUDE.md': '' });
  const harness = createClaudeCode({ modelStallMs: 1234 });
  const setup = (families: readonly ('anthropic' | 'openai')[]) => ({
    app,
    detection: harness.detect(app),
    model: { offer: 'model', credential: 'secret', families, defaults: {} },
  });

  it('is the binary alone, the settings above all others, and no secret', () => {
    const { tools, files, listens } = harness.provision(setup(['anthropic']));
    expect(tools.map(({ target }) => target)).toEqual(['/opt/karta/claude']);
    expect(files.map(({ target }) => target)).toEqual(['/etc/claude-code/managed-settings.json']);
    const settings = JSON.parse(files[0]?.content ?? '');
    expect(settings.env).toMatchObject({
      CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',
      CLAUDE_STREAM_IDLE_TIMEOUT_MS: '1234',
    });
    expect(JSON.stringify(files)).not.toContain('secret');
    expect(listens).toEqual([]);
  });

  it('protects every file that steers Claude Code', () => {
    const paths = harness.provision(setup(['anthropic'])).protectedPaths.map(({ path }) => path);
    for (const path of ['.claude', 'CLAUDE.md', 'CLAUDE.local.md', 'AGENTS.md', '.mcp.json']) {
      expect(paths).toContain(path);
    }
  });

  it('is not to be had without a model of its wire', () => {
    expect(() => harness.provision(setup(['openai']))).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });
});
