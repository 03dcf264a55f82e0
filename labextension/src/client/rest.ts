// REST calls below `jupyter-agent/api/`, with the credentials Lab itself uses.
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { NewSession, ProviderInfo, ProviderTest } from '../protocol/rest';
import type {
  FileList,
  ModelList,
  ModelOverride,
  ServerStatus,
  SessionSummary,
  VariableList
} from '../protocol/types';

/** A call the server refused, or that never reached it (`status` 0). */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string = 'error'
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The server's routes, one method each. */
export class AgentApi {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  status(): Promise<ServerStatus> {
    return this.json<ServerStatus>('status');
  }

  /** The models one can choose; with `live` the server asks the providers that are ready. */
  models(live = false): Promise<ModelList> {
    return this.json<ModelList>(live ? 'models?live=1' : 'models');
  }

  /** Add to what the person says of a model; it wins over all else. */
  async saveModel(id: string, said: ModelOverride): Promise<void> {
    await this.send(`models/${encodeURIComponent(id)}`, 'PATCH', said);
  }

  async resetModel(id: string): Promise<void> {
    await this.send(`models/${encodeURIComponent(id)}`, 'DELETE');
  }

  async sessions(notebook?: string | null): Promise<readonly SessionSummary[]> {
    const query = notebook ? `?notebook=${encodeURIComponent(notebook)}` : '';
    return (await this.json<{ sessions: SessionSummary[] }>(`sessions${query}`)).sessions;
  }

  createSession(session: NewSession): Promise<SessionSummary> {
    return this.json<SessionSummary>('sessions', 'POST', session);
  }

  async renameSession(id: string, title: string): Promise<void> {
    await this.send(`sessions/${encodeURIComponent(id)}`, 'PATCH', { title });
  }

  async deleteSession(id: string): Promise<void> {
    await this.send(`sessions/${encodeURIComponent(id)}`, 'DELETE');
  }

  /** A new session from the conversation up to a message: with it, or `before` it. */
  forkSession(id: string, messageId: string, before = false): Promise<SessionSummary> {
    const path = `sessions/${encodeURIComponent(id)}/fork`;
    return this.json<SessionSummary>(path, 'POST', { message_id: messageId, before });
  }

  /** The words around what was found, by the id of the session in which all words were said. */
  async searchSessions(query: string): Promise<Readonly<Record<string, string>>> {
    const path = `search?query=${encodeURIComponent(query.slice(0, 500))}`;
    return (await this.json<{ found: Record<string, string> }>(path)).found;
  }

  async exportSession(id: string, format: 'markdown' | 'notebook'): Promise<string> {
    const path = `sessions/${encodeURIComponent(id)}/export?format=${format}`;
    return (await this.send(path, 'GET')).text();
  }

  /** The variables of a notebook's kernel. */
  variables(notebook: string): Promise<VariableList> {
    return this.json<VariableList>(`variables?notebook=${encodeURIComponent(notebook)}`);
  }

  /** Files below the server's root whose paths match. */
  files(query: string): Promise<FileList> {
    return this.json<FileList>(`files?query=${encodeURIComponent(query)}`);
  }

  /** The demo's notebook that could be removed again, if there is one. */
  demo(): Promise<{ readonly notebook: string | null }> {
    return this.json('demo');
  }

  /** Make a folder with the demo's notebook and table. */
  makeDemo(): Promise<{ readonly notebook: string }> {
    return this.json('demo', 'POST', {});
  }

  /** Remove such a folder, its sessions and its kernel; refused (409) if somebody worked in it. */
  async removeDemo(notebook: string): Promise<void> {
    await this.send(`demo?notebook=${encodeURIComponent(notebook)}`, 'DELETE');
  }

  async providers(): Promise<readonly ProviderInfo[]> {
    return (await this.json<{ providers: ProviderInfo[] }>('providers')).providers;
  }

  async saveProvider(name: string, values: { key?: string; base_url?: string }): Promise<void> {
    await this.send(`providers/${encodeURIComponent(name)}`, 'PUT', values);
  }

  async forgetProviderKey(name: string): Promise<void> {
    await this.send(`providers/${encodeURIComponent(name)}`, 'DELETE');
  }

  /** Ask a provider for its models; `key` is tried at an address of one's own, and not stored. */
  testProvider(name: string, tried: { key?: string } = {}): Promise<ProviderTest> {
    return this.json<ProviderTest>(`providers/${encodeURIComponent(name)}/test`, 'POST', tried);
  }

  private async json<T>(path: string, method = 'GET', body?: object): Promise<T> {
    const response = await this.send(path, method, body);
    try {
      return (await response.json()) as T;
    } catch {
      throw new ApiError('The server did not answer in JSON.', response.status, 'bad_answer');
    }
  }

  private async send(path: string, method: string, body?: object): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'jupyter-agent/api', path);
    const headers = { 'Content-Type': 'application/json' };
    const init = { method, ...(body ? { headers, body: JSON.stringify(body) } : {}) };
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new ApiError(String((error as Error).message), 0, 'unreachable');
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }
}

async function refusal(response: Response): Promise<ApiError> {
  let message = `${response.status} ${response.statusText}`.trim();
  let code = 'error';
  try {
    const body = (await response.json()) as { code?: unknown; message?: unknown };
    message = typeof body.message === 'string' && body.message ? body.message : message;
    code = typeof body.code === 'string' ? body.code : code;
  } catch {
    // Not ours (a proxy's page): the status line has to do.
  }
  return new ApiError(message, response.status, code);
}
