import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../output/terminal.ts';

/** `karta completion bash|zsh`: a script for the shell, made from the commands themselves. */
export function completion(shell: string, program: Command, terminal: Terminal): number {
  if (shell !== 'bash' && shell !== 'zsh') {
    throw new CliError('usage', `There is no completion for "${shell}"`, 'Choose bash or zsh.');
  }
  const script = bashScript(program);
  const forZsh = 'autoload -U +X bashcompinit && bashcompinit\n';
  terminal.out(shell === 'zsh' ? `#compdef karta\n${forZsh}${script}` : script);
  return EXIT.ok.code;
}

function bashScript(program: Command): string {
  const names = program.commands.map((command) => command.name());
  const cases = program.commands.map((command) => {
    const words = [
      ...command.commands.map((inner) => inner.name()),
      ...command.options.flatMap((option) => (option.long == null ? [] : [option.long])),
    ];
    return `    ${command.name()}) words="${words.join(' ')}" ;;`;
  });
  return `_karta() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${names.join(' ')} --help --version"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ "$current" != -* ]] && [ "$COMP_CWORD" -gt 1 ] && COMPREPLY+=($(compgen -d -- "$current"))
}
complete -o filenames -F _karta karta
`;
}
