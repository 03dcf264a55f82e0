// REST bodies that have no dataclass of their own on the Python side.

/** Where models come from: a vendor, a local server, or any address that speaks a known API. */
export interface ProviderInfo {
  readonly name: string;
  readonly label: string;
  readonly key_variable?: string | null;
  readonly has_key: boolean;
  readonly key_source?: 'environment' | 'keyring' | 'file' | null;
  readonly base_url?: string | null;
  readonly local: boolean;
  /** An address of the person's own: its name is the address. */
  readonly own?: boolean;
  /** Something was entered for it: a key, an address, or both. */
  readonly stored?: boolean;
  /** Whether it gave its models when it was last asked; null: it was not asked yet. */
  readonly tested?: boolean | null;
  /** An administrator has set the address. */
  readonly locked?: boolean;
}

/** What a test of a provider found, as a sentence. */
export interface ProviderTest {
  readonly ok: boolean;
  readonly message: string;
}

/** What a new session starts with; the server chooses what is left out. */
export interface NewSession {
  readonly notebook_path?: string | null;
  readonly model?: string;
  readonly mode?: string;
  readonly title?: string;
}
