// A notebook that is closed while its kernel is being made ready must not get a second kernel.
import type { NotebookPanel } from '@jupyterlab/notebook';
import { describe, expect, it, vi } from 'vitest';

import { kernelReady } from './kernel';

function closing(during: 'ready' | 'restart' | 'start' | 'before'): {
  panel: NotebookPanel;
  startKernel: ReturnType<typeof vi.fn>;
} {
  const panel = {
    isDisposed: during === 'before',
    context: { localPath: 'a.ipynb' },
    sessionContext: {
      isDisposed: false,
      ready: Promise.resolve(),
      hasNoKernel: true,
      isRestarting: during === 'restart',
      session: null as unknown
    }
  };
  const startKernel = vi.fn(async () => {
    panel.isDisposed = during === 'start';
    panel.sessionContext.hasNoKernel = false;
    return false;
  });
  const context = panel.sessionContext as { ready: Promise<void>; startKernel?: unknown };
  context.startKernel = startKernel;
  if (during === 'ready') {
    context.ready = Promise.resolve().then(() => void (panel.isDisposed = true));
  }
  if (during === 'restart') {
    setTimeout(() => (panel.isDisposed = true), 10);
  }
  return { panel: panel as unknown as NotebookPanel, startKernel };
}

describe('a kernel for a notebook', () => {
  it.each(['before', 'ready', 'restart'] as const)(
    'is not started when the notebook is closed: %s',
    async during => {
      const { panel, startKernel } = closing(during);
      await expect(kernelReady(panel)).rejects.toMatchObject({ info: { code: 'TAB_GONE' } });
      expect(startKernel).not.toHaveBeenCalled();
    }
  );

  it('is not said to be there when the notebook was closed while it started', async () => {
    const { panel } = closing('start');
    await expect(kernelReady(panel)).rejects.toMatchObject({ info: { code: 'TAB_GONE' } });
  });
});
