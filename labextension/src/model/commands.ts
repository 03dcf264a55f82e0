// The composer's commands: which there are, what a text that begins with `/` means.
import type { TranslationBundle } from '@jupyterlab/translation';

export type CommandName =
  | 'new'
  | 'fix'
  | 'explain'
  | 'plan'
  | 'verify'
  | 'compact'
  | 'undo'
  | 'stop'
  | 'model'
  | 'mode'
  | 'cost'
  | 'help';

/** What decides which commands can be used now. */
export interface CommandState {
  readonly running: boolean;
  readonly hasCell: boolean;
  /** Whether another part of the front end can take back what a run did. */
  readonly canUndo: boolean;
}

export interface Command {
  readonly name: CommandName;
  /** What has to follow it. */
  readonly argument?: 'text' | 'model' | 'mode';
  readonly describe: string;
  readonly offered: boolean;
}

/** What was typed: words for the model, a command, or a command that does not exist. */
export type Typed =
  | { readonly type: 'prompt'; readonly text: string }
  | { readonly type: 'command'; readonly command: Command; readonly argument: string }
  | { readonly type: 'unknown'; readonly name: string; readonly nearest: CommandName };

export function allCommands(trans: TranslationBundle, state: CommandState): Command[] {
  const { running, hasCell, canUndo } = state;
  const command = (
    name: CommandName,
    describe: string,
    offered = true,
    argument?: Command['argument']
  ): Command => ({ name, describe, offered, ...(argument ? { argument } : {}) });
  return [
    command('new', trans.__('Begin a new conversation')),
    command('fix', trans.__('Find out why the active cell fails, and repair it'), hasCell),
    command('explain', trans.__('Explain the active cell and its output'), hasCell),
    command(
      'plan',
      trans.__('Answer this prompt without changing or running anything'),
      true,
      'text'
    ),
    command('verify', trans.__('Check that the notebook runs from top to bottom'), hasCell),
    command('compact', trans.__('Summarise older turns for the model now'), !running),
    command('undo', trans.__('Undo all changes that wait for review'), canUndo && !running),
    command('stop', trans.__('Stop the run'), running),
    command('model', trans.__('Choose the model'), true, 'model'),
    command('mode', trans.__('Choose what the agent may do by itself'), true, 'mode'),
    command('cost', trans.__('Show the tokens and the cost so far')),
    command('help', trans.__('List the commands'))
  ];
}

/** Read a text as it would be sent. */
export function readTyped(text: string, commands: readonly Command[]): Typed {
  if (text.startsWith('//')) {
    return { type: 'prompt', text: text.slice(1) };
  }
  // A path is no command: its first word has more than letters.
  const found = /^\/([\p{L}\p{N}_-]*)(?:\s+([\s\S]*))?$/u.exec(text.trim());
  if (!found) {
    return { type: 'prompt', text };
  }
  const name = (found[1] ?? '').toLowerCase();
  const command = commands.find(one => one.name === name);
  return command
    ? { type: 'command', command, argument: (found[2] ?? '').trim() }
    : { type: 'unknown', name, nearest: nearestName(name, commands) };
}

/** The command that was most likely meant, `help` when none is near. */
export function nearestName(name: string, commands: readonly Command[]): CommandName {
  const begun = (one: Command): boolean => name.length > 1 && one.name.startsWith(name);
  const near = commands
    .filter(one => one.offered)
    .map(one => ({ name: one.name, away: begun(one) ? 0 : distance(name, one.name) }))
    .filter(one => one.away <= (name.length > 3 ? 2 : 1))
    .sort((one, other) => one.away - other.away);
  return near[0]?.name ?? 'help';
}

/** How many letters have to be changed, added or left out. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
