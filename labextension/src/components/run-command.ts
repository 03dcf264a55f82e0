// Carrying out the composer's commands.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Command } from '../model/commands';
import { allCommands } from '../model/commands';
import type { Note } from '../model/draft';
import type { Delivery, PromptOptions } from '../model/session';
import type { Budget, Mode } from '../protocol/types';
import { isModelId, searchModels } from './model-search';
import { dollars } from './numbers';
import type { PanelServices } from './services';

/** How a prompt that a command makes is sent. */
export type Send = (text: string, options?: PromptOptions, delivery?: Delivery) => void;

/** The commands, and which of them can be used now. */
export function commandsNow({ model, mentions, trans }: PanelServices): Command[] {
  return allCommands(trans, {
    running: model.session?.transcript.running ?? false,
    hasCell: mentions.hasCells,
    canUndo: (model.session?.transcript.review.length ?? 0) > 0
  });
}

/** Carry out a command; returns what to tell the person, null when that shows by itself. */
export async function runCommand(
  command: Command,
  argument: string,
  services: PanelServices,
  send: Send
): Promise<Note | null> {
  const { model, trans } = services;
  if (!command.offered) {
    return problem(trans.__('/%1 cannot be used now.', command.name));
  }
  switch (command.name) {
    case 'new':
      model.startNew();
      return null;
    case 'fix':
    case 'explain':
      return aboutCell(command.name, argument, services, send);
    case 'plan':
      if (!argument) {
        return problem(trans.__('Write what to plan behind /plan.'), '/plan ');
      }
      send(argument, { mode: 'plan' });
      return null;
    case 'verify':
      send(verifyPrompt(trans));
      return null;
    case 'compact':
      await model.session?.compact();
      return model.session ? null : problem(trans.__('There is nothing to summarise yet.'));
    case 'undo':
      await model.session?.undo();
      return null;
    case 'stop':
      await model.session?.stop();
      return null;
    case 'model':
      return chooseModel(argument, services);
    case 'mode':
      return chooseMode(argument, services);
    case 'cost':
      return costNote(model.session?.transcript.budget ?? null, trans);
    case 'help':
      return {
        kind: 'info',
        text: trans.__('Commands. A prompt that begins with / is written as //.'),
        rows: commandsNow(services)
          .filter(one => one.offered)
          .map(one => [`/${one.name}`, one.describe])
      };
  }
}

function aboutCell(
  verb: 'fix' | 'explain',
  more: string,
  { model, notebook, trans }: PanelServices,
  send: Send
): Note | null {
  const prompt = notebook.promptAbout(verb);
  if (prompt === null) {
    return problem(trans.__('Choose a cell first.'));
  }
  model.turnTo(prompt.notebook);
  const text = more ? `${prompt.text}\n\n${more}` : prompt.text;
  send(text, { mentions: prompt.mentions });
  return null;
}

function verifyPrompt(trans: TranslationBundle): string {
  return trans.__(
    'Check that this notebook runs from top to bottom in a fresh kernel, and change nothing: use verify_notebook if there is such a tool. Tell me which cell is the first to fail or to come out differently, and why.'
  );
}

async function chooseModel(
  argument: string,
  { model, trans }: PanelServices
): Promise<Note | null> {
  const { models } = model;
  const same = models.find(one => one.id.toLowerCase() === argument.toLowerCase());
  const found = argument ? searchModels(models, argument) : [];
  const usable = found.filter(one => one.available);
  const only = usable.length === 1 ? usable[0] : found.length === 1 ? found[0] : undefined;
  const id = same?.id ?? only?.id ?? (isModelId(argument, models) ? argument : null);
  if (id !== null) {
    await model.choose({ model: id });
    return null;
  }
  const text =
    found.length > 1
      ? trans.__('%1 models match “%2”: write more of the name.', found.length, argument)
      : trans.__('No model matches “%1”.', argument);
  return problem(argument ? text : trans.__('Write a model’s name behind /model.'), '/model ');
}

async function chooseMode(argument: string, { model, trans }: PanelServices): Promise<Note | null> {
  const modes: readonly Mode[] = model.status?.modes ?? [];
  const mode = modes.find(one => one === argument.toLowerCase());
  if (!mode) {
    return problem(trans.__('The modes are: %1.', modes.join(', ')), '/mode ');
  }
  await model.choose({ mode });
  return null;
}

function costNote(budget: Budget | null, trans: TranslationBundle): Note {
  if (budget === null) {
    return { kind: 'info', text: trans.__('Nothing was used yet.') };
  }
  const words = (tokens: number, cost: number | null | undefined): string =>
    cost == null
      ? trans.__('%1 tokens, price unknown', tokens.toLocaleString())
      : trans.__('%1 tokens, %2', tokens.toLocaleString(), dollars(cost));
  return {
    kind: 'info',
    text: trans.__('Used so far'),
    rows: [
      [trans.__('Last prompt'), words(budget.usage.total, budget.cost)],
      [trans.__('Conversation'), words(budget.session_usage.total, budget.session_cost)]
    ]
  };
}

function problem(text: string, offer?: string): Note {
  return { kind: 'problem', text, ...(offer === undefined ? {} : { offer }) };
}
