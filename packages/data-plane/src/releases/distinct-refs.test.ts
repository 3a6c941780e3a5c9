import { join } from 'node:path';
import { expect, test } from 'vitest';
import { collidingFolders } from './distinct-refs.ts';
import { fillFolder, tempFolder } from './testing/temp-folder.ts';

test('folders of one name collide, wherever they lie, unless one names itself', async () => {
  const root = await tempFolder();
  await fillFolder(root, {
    'a/Shop Bot/AGENTS.md': '',
    'b/shop-bot/AGENTS.md': '',
    'c/shop_bot/karta.toml': 'name = "other"\n',
    'd/help/karta.toml': 'name = "Other"\n',
    'e/broken/karta.toml': 'name = [',
  });
  const at = (path: string) => join(root, path);
  expect(collidingFolders([at('a/Shop Bot'), at('c/shop_bot'), at('e/broken')])).toEqual([]);
  const all = ['a/Shop Bot', 'b/shop-bot', 'c/shop_bot', 'd/help', 'gone'].map(at);
  expect(collidingFolders(all)).toEqual([
    { ref: 'shop-bot', folders: [at('a/Shop Bot'), at('b/shop-bot')] },
    { ref: 'other', folders: [at('c/shop_bot'), at('d/help')] },
  ]);
});
