// The demo once edited the person's own notebook, or ended in an error where there was none.
import { beforeEach, expect, it } from 'vitest';

import { ApiError } from '../client/rest';
import { AgentModel } from './agent';
import { DemoModel } from './demo';
import { FakeConnection, FakeServer } from './fakes';
import type { AgentServer } from './server';

const NOTEBOOK = 'jupyter-agent-demo/penguins.ipynb';
let server: FakeServer;
let agent: AgentModel;
let made: number;
let removed: string[];
let refused: Error | null;
let opened: string[];
let here: boolean;
let demo: DemoModel;

beforeEach(async () => {
  server = new FakeServer();
  agent = new AgentModel(server as unknown as AgentServer, new FakeConnection());
  agent.follow('a.ipynb');
  await agent.load();
  made = 0;
  removed = [];
  refused = null;
  opened = [];
  here = true;
  demo = new DemoModel(
    agent,
    {
      demo: async () => ({ notebook: made > 0 ? NOTEBOOK : null }),
      makeDemo: async () => {
        made++;
        return { notebook: NOTEBOOK };
      },
      removeDemo: async path => {
        if (refused) {
          throw refused;
        }
        removed.push(path);
      }
    },
    {
      open: async path => {
        opened.push(path);
        return here;
      },
      close: path => void opened.splice(opened.indexOf(path), 1)
    }
  );
});

it('plays in a notebook of its own, whichever is open', async () => {
  await demo.play();
  expect(opened).toEqual([NOTEBOOK]);
  expect(server.created).toMatchObject([{ notebook_path: NOTEBOOK, model: 'demo' }]);
  expect(demo.notebook).toBe(NOTEBOOK);
});

it('is made once by two quick clicks', async () => {
  await Promise.all([demo.play(), demo.play()]);
  expect(made).toBe(1);
});

it('leaves playing to the page that shows its notebook', async () => {
  here = false;
  await demo.play();
  expect(server.created).toEqual([]);
});

it('is undone whole: its notebook is closed, and the next session has no demo for a model', async () => {
  await demo.play();
  await demo.undo();
  expect(removed).toEqual([NOTEBOOK]);
  expect(opened).toEqual([]);
  expect(demo.notebook).toBeNull();
  agent.startNew();
  expect(agent.choice.model).toBe('anthropic/claude');
});

it('keeps what the person has worked in, and offers no more to undo it', async () => {
  await demo.play();
  refused = new ApiError('It was changed.', 409);
  await expect(demo.undo()).rejects.toBe(refused);
  expect(opened).toEqual([NOTEBOOK]);
  expect(demo.notebook).toBeNull();
});

it('can be undone after a failure that says nothing of the person', async () => {
  await demo.play();
  refused = new ApiError('No connection.', 0);
  await expect(demo.undo()).rejects.toBe(refused);
  expect(demo.notebook).toBe(NOTEBOOK);
});
