/** A block of commands in a document. */
export interface CommandBlock {
  /** Line of its first command. */
  line: number;
  commands: string;
}

/** The fenced `sh` blocks of a document, in order. */
export function commandBlocks(markdown: string): CommandBlock[] {
  const blocks: CommandBlock[] = [];
  let open: CommandBlock | null = null;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (open !== null) {
      if (line.trim() === '```') {
        blocks.push(open);
        open = null;
      } else {
        open.commands += `${line}\n`;
      }
    } else if (/^```(sh|bash|shell)$/.test(line.trim())) {
      open = { line: index + 2, commands: '' };
    }
  }
  if (open !== null) throw new Error(`the block at line ${open.line} is not closed`);
  return blocks;
}
