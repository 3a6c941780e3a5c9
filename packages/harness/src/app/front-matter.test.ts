import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFrontMatter } from './front-matter.ts';

const AGENT = `---
name: reviewer
description: Reviews code
tools: [Read, Grep]
model: sonnet
---
You review code.
`;

describe('a well-formed file', () => {
  it('gives data, lines and body', () => {
    const read = readFrontMatter(AGENT, 'a.md');
    expect(read.data).toEqual({
      name: 'reviewer',
      description: 'Reviews code',
      tools: ['Read', 'Grep'],
      model: 'sonnet',
    });
    expect(read.lineOf('name')).toBe(2);
    expect(read.lineOf('model')).toBe(5);
    expect(read.lineOf('absent')).toBe(1);
    expect(read.body).toBe('You review code.\n');
    expect(read.bodyLine).toBe(7);
    expect(read.problems).toEqual([]);
  });

  it('reads Windows line ends and a byte order mark alike', () => {
    const read = readFrontMatter(`\uFEFF${AGENT.replaceAll('\n', '\r\n')}`, 'a.md');
    expect(read.data).toMatchObject({ name: 'reviewer', model: 'sonnet' });
    expect(read.lineOf('model')).toBe(5);
  });

  it('takes a file without front matter as all body', () => {
    expect(readFrontMatter('# Hello\n\n---\nx', 'a.md')).toMatchObject({
      data: null,
      body: '# Hello\n\n---\nx',
      problems: [],
    });
  });

  it('reads an empty block as no keys', () => {
    expect(readFrontMatter('---\n---\nhello', 'a.md').data).toEqual({});
  });
});

describe('what the harnesses take and YAML does not', () => {
  it('reads a description with colons', () => {
    const read = readFrontMatter(
      '---\nname: x\ndescription: Use this agent when: a. Example: <b>"c"</b>\nmodel: opus\n---\n',
      'a.md',
    );
    expect(read.data).toMatchObject({
      description: 'Use this agent when: a. Example: <b>"c"</b>',
      model: 'opus',
    });
    expect(read.lineOf('model')).toBe(4);
    expect(read.problems).toEqual([]);
  });
});

describe('broken files', () => {
  it.each([
    ['---\nname: x\n', 1, /closing/],
    ['---\nname: x\ntools: [a\n---\n', 4, /front matter/],
    ['---\nname: x\n\tbad: y\n---\n', 3, /front matter/],
    ['---\n- a\n- b\n---\n', 2, /key: value/],
  ])('names file and line of %j', (text, line, message) => {
    const { problems, data } = readFrontMatter(text, 'dir/a.md');
    expect(data).toBeNull();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ severity: 'error', file: 'dir/a.md', line });
    expect(problems[0]?.message).toMatch(message);
  });

  it('expands no bomb of aliases', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (const [index, name] of ['b', 'c', 'd', 'e', 'f', 'g', 'h'].entries()) {
      const before = 'abcdefgh'[index];
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`);
    }
    const read = readFrontMatter(`---\n${bomb.join('\n')}\n---\n`, 'a.md');
    expect(read.data).toBeNull();
    expect(read.problems).toHaveLength(1);
  });

  it('keeps __proto__ off the prototype', () => {
    const read = readFrontMatter('---\n__proto__:\n  polluted: 1\n---\n', 'a.md');
    expect(Object.keys(read.data ?? {})).toEqual(['__proto__']);
    expect((read.data as { polluted?: number }).polluted).toBeUndefined();
  });

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      '---',
      '\n',
      'a: b',
      ': ',
      '[',
      '{',
      '&a ',
      '*a',
      '"',
      "'",
      '|',
      '\t',
      '- ',
      '#',
      '!',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const read = readFrontMatter(`---\n${pieces.join('')}\n---\n`, 'a.md');
        expect(read.data !== null || read.problems.length > 0).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
