import { Option } from 'commander';
import { SANDBOX_CHOICES } from './supervisor/settings.ts';

/** `--home`, where Karta keeps its state. */
export function homeOption(): Option {
  return new Option('--home <folder>', 'where Karta keeps its state (default ~/.karta)');
}

/** `--sandbox`, how sessions are isolated. */
export function sandboxOption(): Option {
  return new Option('--sandbox <driver>', 'how sessions are isolated (default auto)').choices(
    SANDBOX_CHOICES,
  );
}

/** `--json`: the same for programs. */
export function jsonOption(meaning: string): Option {
  return new Option('--json', `${meaning}, for programs`);
}
