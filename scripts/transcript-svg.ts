/** A terminal as a picture: text only, no script, no font of its own. */
export interface TranscriptLine {
  text: string;
  kind: 'command' | 'output' | 'note';
}

const COLUMNS = 96;
const CHAR_PX = 7.8;
const LINE_PX = 19;
const PADDING_PX = 18;
const BAR_PX = 30;
const COLOURS: Readonly<Record<TranscriptLine['kind'], string>> = {
  command: '#f2d6a2',
  output: '#e6e6e6',
  note: '#8b949e',
};

/** Lines no longer than the terminal is wide; a long word is broken as a terminal breaks it. */
export function wrap(line: TranscriptLine, columns: number = COLUMNS): TranscriptLine[] {
  const wrapped: TranscriptLine[] = [];
  let rest = line.text;
  while (rest.length > columns) {
    const space = rest.lastIndexOf(' ', columns);
    const cut = space > columns / 2 ? space : columns;
    wrapped.push({ ...line, text: rest.slice(0, cut) });
    rest = rest.slice(cut).trimStart();
  }
  return [...wrapped, { ...line, text: rest }];
}

export function transcriptSvg(lines: readonly TranscriptLine[], title: string): string {
  const shown = lines.flatMap((line) => wrap(line));
  const width = Math.round(COLUMNS * CHAR_PX + 2 * PADDING_PX);
  const height = BAR_PX + shown.length * LINE_PX + 2 * PADDING_PX;
  const rows = shown.map(({ text, kind }, index) => {
    const y = BAR_PX + PADDING_PX + (index + 0.75) * LINE_PX;
    return `  <text x="${PADDING_PX}" y="${y}" fill="${COLOURS[kind]}">${markup(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${markup(title)}">
  <title>${markup(title)}</title>
  <rect width="${width}" height="${height}" rx="9" fill="#16181d"/>
  <circle cx="20" cy="17" r="5.5" fill="#ff5f57"/><circle cx="38" cy="17" r="5.5" fill="#febc2e"/><circle cx="56" cy="17" r="5.5" fill="#28c840"/>
  <g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">
${rows.join('\n')}
  </g>
</svg>
`;
}

function markup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
