// Paths of notebooks as the contents manager knows them, as in `jupyter_agent/protocol/paths.py`.

/** What became of a path when a notebook, or the folder it is in, moved from `old` to `now`. */
export function moved(path: string, old: string, now: string): string {
  return path === old || path.startsWith(`${old}/`) ? now + path.slice(old.length) : path;
}
